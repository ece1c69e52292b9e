"""Settings: what can be chosen, and how a mistake is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tui.model.errors import SettingsError
from tui.settings import DiskSettings, EnvironmentSettings, GpuSettings, Settings, check_action_ids, load

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a settings file."""

    def write_file(content: str | bytes) -> Path:
        path = tmp_path / "config.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def mistake(path: Path | None, environ: dict[str, str] | None = None) -> str:
    """The one line that the user sees."""
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {})
    line = caught.value.one_line()
    assert line.isprintable()
    return line


class TestWhatCanBeChosen:
    def test_everything_at_once(self, write: Write) -> None:
        text = """
            host: ssh-tunnel   # a docker context
            read_only: yes
            theme: "nord"
            stats_seconds: 2.5
            keys:
              container.stop: "S, ctrl+x"
              container.kill: [K, ",", 1]
              container.pause: 5
              container.remove: []
            gpu:
              driver_version: 550.54
              compute_capabilities: [9.0, "8.0", 12.0]
            environments: {allow_base: yes}
            disk:
              protect_labels: [keep, "tier=gold"]
              protect_names:
                - "*-prod"
                - 2024
                - "*-prod"
              owner_labels: []
              owner: alice
            """
        assert load(write(text), {}) == Settings(
            host="ssh-tunnel",
            read_only=True,
            theme="nord",
            stats_seconds=2.5,
            keys={
                "container.stop": ("S", "ctrl+x"),
                "container.kill": ("K", ",", "1"),
                "container.pause": ("5",),
                "container.remove": (),
            },
            gpu=GpuSettings("550.54", ("9.0", "8.0", "12.0")),
            environments=EnvironmentSettings(allow_base=True),
            disk=DiskSettings(("keep", "tier=gold"), ("*-prod", "2024"), (), "alice"),
        )

    @pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~\n", "\ufeff", "host: ~"])
    def test_a_file_that_says_nothing_leaves_the_defaults(self, write: Write, text: str) -> None:
        assert load(write(text), {}) == Settings(None, False, "textual-dark", 1.0, {})

    @pytest.mark.parametrize(("written", "seconds"), [("0.5", 0.5), ("60", 60.0), ("1", 1.0), ("5e+0", 5.0)])
    def test_seconds_within_the_limits(self, write: Write, written: str, seconds: float) -> None:
        if "e" not in written:
            assert load(write(f"stats_seconds: {written}"), {}).stats_seconds == seconds
        assert load(write(""), {"ENVTUI_STATS_SECONDS": written}).stats_seconds == seconds

    @pytest.mark.parametrize("word", ["true", "True", "yes", "on"])
    def test_words_for_true(self, write: Write, word: str) -> None:
        assert load(write(f"read_only: {word}"), {}).read_only is True

    @pytest.mark.parametrize("word", ["false", "no", "off"])
    def test_words_for_false(self, write: Write, word: str) -> None:
        assert load(write(f"read_only: {word}"), {}).read_only is False

    def test_an_alias_stands_for_its_anchor(self, write: Write) -> None:
        settings = load(write("keys: {a: &both 'x,y', b: *both}"), {})
        assert settings.keys == {"a": ("x", "y"), "b": ("x", "y")}

    def test_a_bom_does_no_harm(self, write: Write) -> None:
        assert load(write(b"\xef\xbb\xbftheme: nord"), {}).theme == "nord"

    def test_a_command_line_can_replace_fields(self, write: Write) -> None:
        settings = replace(load(write("theme: nord\nhost: box"), {}), read_only=True)
        assert (settings.host, settings.theme, settings.read_only) == ("box", "nord", True)


class TestWhereItComesFrom:
    def test_the_default_file_is_in_the_config_folder(self, tmp_path: Path) -> None:
        folder = tmp_path / "envtui"
        folder.mkdir()
        (folder / "config.yaml").write_text("theme: nord")
        assert load(None, {"XDG_CONFIG_HOME": str(tmp_path)}).theme == "nord"

    @pytest.mark.parametrize("home", ["", "/nonexistent", "/dev/null"])
    def test_the_default_file_may_be_missing(self, home: str) -> None:
        assert load(None, {"XDG_CONFIG_HOME": home, "HOME": "/nonexistent"}) == Settings()

    def test_a_named_file_may_not(self) -> None:
        assert mistake(Path("/nonexistent/c.yaml")).startswith(
            "Settings file /nonexistent/c.yaml: it does not exist"
        )

    def test_variables_go_over_the_file(self, write: Write) -> None:
        environ = {
            "ENVTUI_HOST": "tcp://box:2375",
            "ENVTUI_READ_ONLY": "1",
            "ENVTUI_THEME": "gruvbox",
            "ENVTUI_STATS_SECONDS": "5",
        }
        path = write("host: a\nread_only: false\ntheme: nord\nstats_seconds: 2")
        assert load(path, environ) == Settings("tcp://box:2375", True, "gruvbox", 5.0)

    def test_a_variable_can_lift_read_only(self, write: Write) -> None:
        assert load(write("read_only: true"), {"ENVTUI_READ_ONLY": "No"}).read_only is False

    def test_an_empty_variable_is_not_set(self, write: Write) -> None:
        environ = {"ENVTUI_HOST": "", "ENVTUI_READ_ONLY": "", "ENVTUI_THEME": "", "ENVTUI_STATS_SECONDS": ""}
        assert load(write("theme: nord\nread_only: true"), environ) == Settings(theme="nord", read_only=True)

    def test_where_tells_line_variable_or_default(self, write: Write) -> None:
        path = write("theme: nord\nkeys:\n  container.stop: S\n\n  container.kill:\n    - K\n")
        settings = load(path, {"ENVTUI_THEME": "gruvbox"})
        assert settings.where("keys.container.stop") == f"{path}:3"
        assert settings.where("keys.container.kill") == f"{path}:5"
        assert settings.where("theme") == "ENVTUI_THEME"
        assert settings.where("host") == "default"

    def test_a_mistake_found_later_names_the_place(self, write: Write) -> None:
        path = write("\ntheme: nrod")
        error = load(path, {}).mistake("theme", "nrod", "nord, gruvbox or another theme")
        assert error.one_line() == f"{path}:2: theme: found “nrod”. Expected nord, gruvbox or another theme"


class TestActionIds:
    def test_known_ones_pass(self, write: Write) -> None:
        check_action_ids(load(write("keys: {container.stop: s}"), {}), {"container.stop", "app.quit"})

    def test_an_unknown_one_names_the_nearest(self, write: Write) -> None:
        path = write("keys:\n  container.stopp: s\n")
        with pytest.raises(SettingsError) as caught:
            check_action_ids(load(path, {}), {"container.stop", "app.quit"})
        assert caught.value.one_line() == (
            f"{path}:2: keys.container.stopp: no action has this id. Expected container.stop"
        )


FILE_MISTAKES = [
    # content, what the line must begin with after the file's name, what it must contain
    ("theme: nord\nthme: x", ":2: thme: there is no such option", "Expected theme"),
    ("a\x08: 1", ":1: ", "control character (U+0008)"),
    (
        "colour: x",
        ":1: colour: there is no such option",
        "one of disk, environments, gpu, host, keys, read_only, stats_seconds, theme",
    ),
    ("environments: base", ":1: environments: found “base” (a text)", "a mapping of options (allow_base"),
    ("environments:\n  base: true", ":2: environments.base: there is no such option", "one of allow_base"),
    ("environments: {allow_base: 1}", ":1: environments.allow_base: found “1”", "true or false"),
    ("disk: all", ":1: disk: found “all” (a text)", "a mapping of options (protect_labels"),
    ("disk: {protect: [a]}", ":1: disk.protect: there is no such option", "Expected protect_names"),
    ("disk: {protect_names: a}", ":1: disk.protect_names: found “a” (a text)", "a list of texts"),
    ("disk:\n  protect_labels:\n  - a\n  - ~", ":4: disk.protect_labels: found nothing", "a list of texts"),
    ("disk:\n  protect_labels:\n  - a\n  - [b]", ":4: disk.protect_labels: found a list", "a list of texts"),
    ("disk: {owner: [a]}", ":1: disk.owner: found a list", "a text on one line"),
    ("gpu: 550.54", ":1: gpu: found “550.54” (a number)", "a mapping of options (driver_version"),
    ("gpu:\n  driver: 5", ":2: gpu.driver: there is no such option", "Expected driver_version"),
    ("gpu:\n  driver_version: new", ":2: gpu.driver_version: found “new” (a text)", "such as 550.54.15"),
    ("gpu:\n  driver_version: [550]", ":2: gpu.driver_version: found a list", "a driver's version"),
    ("gpu: {compute_capabilities: 9.0}", ":1: gpu.compute_capabilities: found “9.0”", "one for each GPU"),
    ("gpu: {compute_capabilities: [90]}", ":1: gpu.compute_capabilities: found “90”", "such as [8.0, 9.0]"),
    ("<<: {theme: nord}", ":1: <<: there is no such option", "Expected one of"),
    ("theme: a\nhost: b\ntheme: c", ":3: theme: it is set twice", "config.yaml:1"),
    ("keys:\n  a: x\n  a: y", ":3: keys.a: it is set twice", "config.yaml:2"),
    ("- theme", ":1: the file: found a list", "a mapping of options"),
    ("hello", ":1: the file: found “hello” (a text)", "a mapping of options"),
    ("? [a]\n: b", ":1: the file: found a list", "a name before the colon"),
    ("stats_seconds: true", ":1: stats_seconds: found “true” (a boolean)", "from 0.5 to 60"),
    ("stats_seconds: '2'", ":1: stats_seconds: found “2” (a text)", "from 0.5 to 60"),
    ("stats_seconds: .nan", ":1: stats_seconds: found “.nan” (a number)", "from 0.5 to 60"),
    ("stats_seconds: -.inf", ":1: stats_seconds: found “-.inf” (a number)", "from 0.5 to 60"),
    ("stats_seconds: 0.49", ":1: stats_seconds: found “0.49”", "from 0.5 to 60"),
    ("stats_seconds: 61", ":1: stats_seconds: found “61”", "from 0.5 to 60"),
    ("stats_seconds: " + "9" * 100_000, ":1: stats_seconds: found “999", "from 0.5 to 60"),
    ("stats_seconds:", ":1: stats_seconds: found nothing", "from 0.5 to 60"),
    ("read_only: 1", ":1: read_only: found “1” (a number)", "true or false"),
    ("read_only: 'true'", ":1: read_only: found “true” (a text)", "true or false"),
    ("theme: ''", ":1: theme: found “” (a text)", "a text on one line"),
    ("theme: 7", ":1: theme: found “7” (a number)", "a text"),
    ("theme: [nord]", ":1: theme: found a list", "a text"),
    ('theme: "a\\x1b[2Jb"', ":1: theme: found “a\\x1b[2Jb”", "a text on one line"),
    ("host: 10", ":1: host: found “10” (a number)", "a text"),
    ("theme: !!python/object/apply:os.system [id]", ":1: theme: found a list", "a text"),
    ("theme: !!python/name:os.system x", ":1: theme: found “x” (tagged “python/name:os.system”)", "a text"),
    ("keys: [a]", ":1: keys: found a list", "a mapping from action ids to keys"),
    ("keys:\n  a: true", ":2: keys.a: found “true” (a boolean)", "a list of keys"),
    ("keys:\n  a:", ":2: keys.a: found nothing", "a list of keys"),
    ("keys:\n  a: 'x,,y'", ":2: keys.a: found “x,,y”", "the comma key is called comma"),
    ("keys:\n  a: two words", ":2: keys.a: found “two words”", "a list of keys"),
    ("keys:\n  a: [[x]]", ":2: keys.a: found a list", "a list of keys"),
    ("keys:\n  a: {b: c}", ":2: keys.a: found a mapping", "a list of keys"),
    ("keys: &k\n  a: *k", ":2: keys.a: found a mapping", "a list of keys"),
    ("keys:\n  a: &k [*k]", ":2: keys.a: found a list", "a list of keys"),
    ("theme: 'open", ":1: not valid YAML", "end of stream"),
    ("theme: a\n\thost: b", ":2: not valid YAML", "\\t"),
    ("theme: a: b", ":1: not valid YAML", "mapping values are not allowed"),
    ("theme: *nobody", ":1: not valid YAML", "nobody"),
    ("theme: a\n---\ntheme: b", ":2: not valid YAML", "another document"),
    ("[" * 50_000, ":1: not valid YAML: nested too deeply", "YAML"),
    (b"host: a\ntheme: \xe9t\xe9", ":2: found byte 0xe9, which is not UTF-8", "UTF-8"),
    (b"\xff\xfet\x00h\x00", ":1: found byte 0xff", "UTF-8"),
]


class TestMistakes:
    @pytest.mark.parametrize(
        ("content", "beginning", "part"), FILE_MISTAKES, ids=lambda value: repr(value)[:30]
    )
    def test_in_the_file_name_file_line_key_found_and_expected(
        self, write: Write, content: str | bytes, beginning: str, part: str
    ) -> None:
        path = write(content)
        line = mistake(path)
        assert line.startswith(f"{path}{beginning}"), line
        assert part in line and "Expected" in line and len(line) < 500

    def test_a_file_too_large_says_why(self, write: Write) -> None:
        line = mistake(write("#" + "x" * (1 << 20)))
        assert "larger than 1 MiB" in line and "take seconds" in line

    def test_a_file_without_an_end_is_given_up(self) -> None:
        assert "larger than 1 MiB" in mistake(Path("/dev/zero"))

    def test_aliases_of_aliases_are_not_multiplied(self, write: Write) -> None:
        lines = ["keys:", "  a0: &a0 [x, x, x, x, x, x, x, x, x]"]
        lines += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
        begin = time.process_time()
        assert "keys.a1: found a list" in mistake(write("\n".join(lines)))
        # 9 to the power of 29 would take longer than anybody has
        assert time.process_time() - begin < 20

    def test_a_folder_in_place_of_the_file(self, tmp_path: Path) -> None:
        assert f"Settings file {tmp_path}: found a folder" in mistake(tmp_path)

    def test_a_folder_in_place_of_the_default_file(self, tmp_path: Path) -> None:
        (tmp_path / "envtui" / "config.yaml").mkdir(parents=True)
        assert "found a folder" in mistake(None, {"XDG_CONFIG_HOME": str(tmp_path)})

    def test_a_file_that_can_not_be_read(self) -> None:
        # its first page is no memory of anybody's: reading it fails for root, too
        assert mistake(Path("/proc/self/mem")).startswith("Settings file /proc/self/mem: it can't be read: ")

    def test_a_link_that_leads_nowhere_but_to_itself(self, tmp_path: Path) -> None:
        folder = tmp_path / "envtui"
        folder.mkdir()
        (folder / "config.yaml").symlink_to("config.yaml")
        assert "it can't be read" in mistake(None, {"XDG_CONFIG_HOME": str(tmp_path)})

    @pytest.mark.parametrize(
        ("variable", "value", "expected"),
        [
            ("ENVTUI_READ_ONLY", "maybe", "1, true, yes, 0, false or no"),
            ("ENVTUI_STATS_SECONDS", "fast", "from 0.5 to 60"),
            ("ENVTUI_STATS_SECONDS", "nan", "from 0.5 to 60"),
            ("ENVTUI_STATS_SECONDS", "inf", "from 0.5 to 60"),
            ("ENVTUI_STATS_SECONDS", "0", "from 0.5 to 60"),
            ("ENVTUI_STATS_SECONDS", "true", "from 0.5 to 60"),
            ("ENVTUI_THEME", "  ", "a text on one line"),
            ("ENVTUI_HOST", "a\nb", "a text on one line"),
            ("ENVTUI_HOST", "\udce9", "a text on one line"),
        ],
    )
    def test_in_a_variable_name_it(self, write: Write, variable: str, value: str, expected: str) -> None:
        line = mistake(write(""), {variable: value})
        assert line.startswith(f"Environment variable {variable}: found “") and expected in line

    @pytest.mark.parametrize("misspelt", ["ENVTUI_READONLY", "ENVTUI_READ_ONLLY", "ENVTUI_STAT_SECONDS"])
    def test_a_misspelt_variable_is_not_passed_over(self, write: Write, misspelt: str) -> None:
        assert "there is no such variable. Expected ENVTUI_" in mistake(write(""), {misspelt: "1"})

    def test_a_variable_of_somebody_else_is(self, write: Write) -> None:
        assert load(write(""), {"ENVTUI_TEST_ENGINE": "1", "HOST": "x"}) == Settings()
