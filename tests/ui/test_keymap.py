"""Keys have one meaning in each place and are changed by the settings; actions are declared properly."""

from __future__ import annotations

import re
import string
from typing import Any

import pytest
from textual.keys import Keys, _character_to_key

from tui.model.errors import SettingsError
from tui.settings import Settings
from tui.ui.actions import Action, Danger, allowed
from tui.ui.app import build_keymap
from tui.ui.everywhere import EVERYWHERE_ACTIONS
from tui.ui.keymap import EVERYWHERE, Keymap, is_key, key_name, shown_key
from tui.ui.panes import PANES
from tui.ui.screens.disk_pane import DiskPane

#: The panes, and the list of the disk screen.
LISTS: tuple[Any, ...] = (*PANES, DiskPane)
EVERY_ACTION = [*EVERYWHERE_ACTIONS, *(action for each in LISTS for action in each.ACTIONS)]
# Logs' own search stands for the filter of everywhere, and is the one exception.
MEANS_ANOTHER_THING = {("logs", "/")}


def ids(actions: list[Action[Any]]) -> list[str]:
    return [action.id for action in actions]


class TestRegistry:
    @pytest.mark.parametrize("pane", LISTS, ids=lambda pane: pane.NAME)
    def test_no_key_means_two_things_in_one_pane(self, pane: Any) -> None:
        meanings: dict[str, list[str]] = {}
        for action in (*pane.ACTIONS, *EVERYWHERE_ACTIONS):
            for key in action.keys:
                if (pane.NAME, key) not in MEANS_ANOTHER_THING:
                    meanings.setdefault(key_name(key), []).append(action.id)
        assert {key: found for key, found in meanings.items() if len(found) > 1} == {}

    def test_every_action_has_an_id_of_its_own(self) -> None:
        assert len(set(ids(EVERY_ACTION))) == len(EVERY_ACTION)

    @pytest.mark.parametrize("action", EVERY_ACTION, ids=ids(EVERY_ACTION))
    def test_an_action_is_named_and_its_keys_can_be_pressed(self, action: Action[Any]) -> None:
        assert re.fullmatch(r"[a-z]+\.[a-z0-9_]+", action.id)
        assert action.label[:1].isupper() or not action.label[:1].isalpha()
        assert " " not in action.hint
        characters = {_character_to_key(character) for character in string.printable}
        for key in action.keys:
            assert key_name(key) in characters | {known.value for known in Keys}

    def test_an_action_belongs_to_where_it_is_declared(self) -> None:
        assert all(action.id.startswith(f"{EVERYWHERE}.") for action in EVERYWHERE_ACTIONS)
        for pane in LISTS:
            assert all(action.id.startswith(f"{pane.NAME}.") for action in pane.ACTIONS)

    def test_each_pane_has_its_number(self) -> None:
        numbers = {action.keys[0] for action in EVERYWHERE_ACTIONS if action.id.startswith("app.pane_")}
        assert numbers == {str(pane.NUMBER) for pane in PANES}

    def test_what_hurts_somebody_ends_in_dots_and_is_no_surprise(self) -> None:
        for action in EVERY_ACTION:
            assert (action.danger >= Danger.CONFIRM) == action.label.endswith("…"), action.id

    def test_read_only_leaves_what_is_safe(self) -> None:
        for pane in PANES:
            left = allowed(pane.ACTIONS, read_only=True)
            assert left
            assert all(action.danger is Danger.SAFE for action in left)
            assert allowed(pane.ACTIONS, read_only=False) == pane.ACTIONS

    def test_everywhere_is_safe(self) -> None:
        assert all(action.danger is Danger.SAFE for action in EVERYWHERE_ACTIONS)


class TestNames:
    @pytest.mark.parametrize("character", [*string.printable[:-6], " ", "ä", "§", "я"])
    def test_every_character_can_be_written_as_it_is(self, character: str) -> None:
        assert key_name(character) == _character_to_key(character)
        assert is_key(key_name(character))

    @pytest.mark.parametrize("character", string.punctuation)
    def test_what_is_read_is_what_is_written(self, character: str) -> None:
        assert shown_key(key_name(character)) == character

    @pytest.mark.parametrize(
        ("written", "name"),
        [("esc", "escape"), ("pgup", "pageup"), ("pgdn", "pagedown"), ("shift+s", "S"), ("comma", "comma")],
    )
    def test_names_that_people_use(self, written: str, name: str) -> None:
        assert key_name(written) == name

    @pytest.mark.parametrize(
        "name", ["enter", "f5", "shift+tab", "ctrl+x", "alt+x", "ctrl+pagedown", "space", "semicolon"]
    )
    def test_known_ones(self, name: str) -> None:
        assert is_key(name)

    @pytest.mark.parametrize("name", ["", "F5", "entre", "crtl+x", "ctrl+", "two words", "ctrl+nosuch"])
    def test_unknown_ones(self, name: str) -> None:
        assert not is_key(name)


def act(name: str, *keys: str) -> Action[Any]:
    return Action(name, name, keys, lambda owner: None)


SCOPES = {
    EVERYWHERE: (act("app.quit", "q", "ctrl+c"), act("app.filter", "/")),
    "left": (act("left.stop", "s"),),
    "right": (act("right.save", "s"), act("right.nothing")),
}


def place(action: str) -> str:
    return f"config.yaml:7 {action}"


class TestKeymap:
    def test_a_panes_own_keys_and_those_of_everywhere(self) -> None:
        keymap = Keymap(SCOPES)
        found = [
            (scope, key, action.id if (action := keymap.action(scope, key)) else None)
            for scope in ("left", "right")
            for key in ("s", "q", "slash", "z")
        ]
        assert found == [
            ("left", "s", "left.stop"), ("left", "q", "app.quit"), ("left", "slash", "app.filter"),
            ("left", "z", None),
            ("right", "s", "right.save"), ("right", "q", "app.quit"), ("right", "slash", "app.filter"),
            ("right", "z", None),
        ]  # fmt: skip

    def test_keys_are_told_as_people_read_them(self) -> None:
        keymap = Keymap(SCOPES)
        assert keymap.keys("app.filter") == ("/",)
        assert keymap.keys("app.quit") == ("q", "ctrl+c")
        assert keymap.keys("right.nothing") == keymap.keys("no.such") == ()

    def test_the_settings_replace_all_keys_of_an_action(self) -> None:
        keymap = Keymap(SCOPES, {"left.stop": (";", "f5"), "app.quit": ()})
        assert keymap.action("left", "s") is None
        assert keymap.action("left", "q") is None
        assert keymap.action("left", "semicolon") is keymap.action("left", "f5") is SCOPES["left"][0]
        assert keymap.keys("left.stop") == (";", "f5")

    def test_keys_can_be_exchanged(self) -> None:
        keymap = Keymap(SCOPES, {"left.stop": ("q",), "app.quit": ("s",), "right.save": ("w",)})
        assert keymap.action("left", "q") is SCOPES["left"][0]
        assert keymap.action("left", "s") is SCOPES[EVERYWHERE][0]

    def test_an_unknown_action_is_named_with_its_place_and_the_known_ones(self) -> None:
        with pytest.raises(SettingsError) as caught:
            Keymap(SCOPES, {"left.stopp": ("s",)}, place)
        assert caught.value.title.startswith("config.yaml:7 left.stopp: no action")
        assert "left.stop," in caught.value.hint

    def test_an_unknown_key_is_named_with_its_place(self) -> None:
        with pytest.raises(SettingsError) as caught:
            Keymap(SCOPES, {"left.stop": ("s", "crtl+x")}, place)
        assert caught.value.title == "config.yaml:7 left.stop: no key is called 'crtl+x'"

    @pytest.mark.parametrize(
        ("overrides", "other"),
        [
            ({"right.nothing": ("s",)}, "right.save"),
            ({"left.stop": ("q",)}, "app.quit"),
            ({"left.stop": ("slash",)}, "app.filter"),
            ({"app.filter": ("q",)}, "app.quit"),
        ],
    )
    def test_a_key_for_two_things_is_refused(self, overrides: dict[str, tuple[str, ...]], other: str) -> None:
        (changed,) = overrides
        with pytest.raises(SettingsError, match="would mean both") as caught:
            Keymap(SCOPES, overrides, place)
        assert {changed, other} <= set(re.findall(r"[a-z]+\.[a-z]+", caught.value.title))

    def test_one_key_may_mean_two_things_in_two_panes(self) -> None:
        keymap = Keymap(SCOPES)
        assert keymap.action("left", "s") is not keymap.action("right", "s")


class TestSettings:
    def test_the_defaults_are_the_registrys(self) -> None:
        keymap = build_keymap(Settings(), read_only=False)
        for action in EVERY_ACTION:
            assert [key_name(key) for key in keymap.keys(action.id)] == [key_name(key) for key in action.keys]

    def test_a_key_of_a_stripped_action_is_checked_in_read_only_mode_too(self) -> None:
        with pytest.raises(SettingsError, match="would mean both"):
            build_keymap(Settings(keys={"containers.stop": ("q",)}), read_only=True)

    def test_a_stripped_action_has_no_key_in_read_only_mode(self) -> None:
        keymap = build_keymap(Settings(keys={"containers.stop": ("S",)}), read_only=True)
        assert keymap.action("containers", "S") is None
        assert keymap.action("containers", "i") is not None
