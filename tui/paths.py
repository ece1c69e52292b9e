from pathlib import Path
def log_file(): return Path("/tmp/x")
def settings_file(): return Path("/tmp/y")
