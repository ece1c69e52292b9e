"""How facts are found and things are done: one package a part of the machine."""
