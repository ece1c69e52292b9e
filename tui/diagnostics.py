import logging
def start(p): pass
def logger(n): return logging.getLogger("envtui."+n)
def record_exception(w,e):
    import traceback
    open("/tmp/envtui-x.log","a").write(w+"".join(traceback.format_exception(e)))
