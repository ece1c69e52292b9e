from dataclasses import dataclass, field
@dataclass(frozen=True)
class Settings:
    host: str|None=None
    read_only: bool=False
    theme: str="textual-dark"
    stats_seconds: float=1.0
    keys: dict=field(default_factory=dict)
    def where(self, k): return k
def load(p,e): return Settings(host=e.get("ENVTUI_HOST"))
