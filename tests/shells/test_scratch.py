import pytest
from tests.shells.machine import Home
@pytest.mark.parametrize("kind", ["conda","micromamba","venv","pixi","unowned"])
def test_x(machine, shell, kind, tmp_path):
    home = Home(machine, tmp_path)
    e = machine.environments[kind]
    told = home.ask(e, shell, status=7)
    assert (told.status, told.prefix, told.is_red) == (7, e.prefix, False), told.raw
    assert told.variables == (["",e.prefix,""] if kind=="venv" else [e.prefix,"","yes"])
    assert not home.left
    assert told.first_line.endswith(e.prefix + "/bin/python")
