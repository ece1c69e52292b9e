"""An `environment.yml` is read line by line; what is no environment's file is refused with its place."""

from __future__ import annotations

import pytest

from tui.backends.conda.environment_file import read_environment_file
from tui.backends.conda.requirements import parse_conda, parse_pip
from tui.model.errors import FileFault

WHOLE = """\
# made by hand
name: "vision"
channels:
  - conda-forge
  - 'defaults'  # last
dependencies:
  - python=3.11
  - NumPy >=1.26,<3   # not 3
  - "conda-forge::scipy"
  - pip
  - pip:
    - --index-url https://download.pytorch.org/whl/cu128
    - Torch_Vision.x==0.24.0
    - git+https://example.org/a.git@main
variables:
  CUDA_HOME: /usr/local/cuda
  LEVEL: 3
prefix: /home/me/envs/vision
"""


def test_every_part_is_read_with_its_line() -> None:
    file = read_environment_file(WHOLE)
    assert (file.name, file.prefix, file.prefix_line) == ("vision", "/home/me/envs/vision", 18)
    assert file.channels == (("conda-forge", 4), ("defaults", 5))
    assert [(each.name, each.version, each.channel, each.line) for each in file.dependencies] == [
        ("python", "=3.11", "", 7),
        ("numpy", ">=1.26,<3", "", 8),
        ("scipy", "", "conda-forge", 9),
        ("pip", "", "", 10),
    ]
    assert file.dependencies[1].text == "NumPy >=1.26,<3"
    assert (file.dependencies_line, file.pip_line) == (6, 11)
    assert file.pip is not None
    assert [(each.name, each.version, each.line) for each in file.pip] == [
        ("", "", 12),
        ("torch-vision-x", "==0.24.0", 13),
        ("", "", 14),
    ]
    assert file.variables == (("CUDA_HOME", "/usr/local/cuda"), ("LEVEL", "3"))
    assert "".join(file.lines) == WHOLE


@pytest.mark.parametrize(
    ("text", "name", "version", "build", "channel"),
    [
        ("numpy", "numpy", "", "", ""),
        ("numpy=1.26", "numpy", "=1.26", "", ""),
        ("numpy==1.26.4", "numpy", "==1.26.4", "", ""),
        ("numpy = 1.26", "numpy", "=1.26", "", ""),
        ("numpy=1.26=py311_0", "numpy", "=1.26", "py311_0", ""),
        ("numpy==1.26=py311_0", "numpy", "==1.26", "py311_0", ""),
        ("numpy 1.26 py311_0", "numpy", "1.26", "py311_0", ""),
        ("numpy >=1.26,<3", "numpy", ">=1.26,<3", "", ""),
        ("numpy>=1.26,<=3", "numpy", ">=1.26,<=3", "", ""),
        ("numpy >=1.26, <3 py311*", "numpy", ">=1.26,<3", "py311*", ""),
        ("python!=3.9.*,>=3.8", "python", "!=3.9.*,>=3.8", "", ""),
        ("numpy 1.26|1.27", "numpy", "1.26|1.27", "", ""),
        ("pytorch=*=*cuda*", "pytorch", "=*", "*cuda*", ""),
        ("conda-forge::numpy", "numpy", "", "", "conda-forge"),
        ("conda-forge/linux-64::numpy=1", "numpy", "=1", "", "conda-forge/linux-64"),
        ("numpy[version='>=1,<3',build=\"*cuda*\"]", "numpy", ">=1,<3", "*cuda*", ""),
        ("numpy[channel=bioconda]", "numpy", "", "", "bioconda"),
        ("_libgcc_mutex=0.1=conda_forge", "_libgcc_mutex", "=0.1", "conda_forge", ""),
        ("numpy>=1 # why", "numpy", ">=1", "", ""),
        ("", "", "", "", ""),
        ("=1.0", "", "", "", ""),
    ],
)
def test_conda_forms(text: str, name: str, version: str, build: str, channel: str) -> None:
    found = parse_conda(text, 3)
    assert (found.text, found.line) == (text, 3)
    assert (found.name, found.version, found.build, found.channel) == (name, version, build, channel)


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        ("torch==2.9.0+cu128", "torch", "==2.9.0+cu128"),
        ("torch == 2.9", "torch", "==2.9"),
        ("Foo_Bar.baz[a,b]>=1,<2 ; python_version<'3.12'", "foo-bar-baz", ">=1,<2"),
        ("x (>=1.0)", "x", ">=1.0"),
        ("x==1 --hash=sha256:ab", "x", "==1"),
        ("x==1  # why", "x", "==1"),
        ("pkg @ https://a/b#c", "pkg", "@ https://a/b#c"),
        ("pkg@git+https://a/b.git@main", "pkg", "@ git+https://a/b.git@main"),
        ("-r requirements.txt", "", ""),
        ("-e .", "", ""),
        ("git+https://a/b@v1#egg=x", "", ""),
        ("./a/b.whl", "", ""),
        ("a-1.0-py3-none-any.whl", "", ""),
        ("https://a/b.whl", "", ""),
        ("two words", "", ""),
    ],
)
def test_pip_forms(text: str, name: str, version: str) -> None:
    found = parse_pip(text, 3)
    assert (found.text, found.line, found.name, found.version) == (text, 3, name, version)


def test_versions_stay_text_where_yaml_sees_numbers() -> None:
    file = read_environment_file("name: 3.10\nvariables: {A: 010, B: on}\ndependencies: ['1.10', 3.10, ]\n")
    assert file.name == "3.10"
    assert file.variables == (("A", "010"), ("B", "on"))
    # conda gets a number for the second, which is no package
    assert [(each.text, each.name) for each in file.dependencies] == [("1.10", "1.10"), ("3.10", "")]


def test_what_is_no_dependency_has_no_name() -> None:
    file = read_environment_file("dependencies:\n- python: 3.11\n-\n- npm:\n  - left-pad\n")
    assert [(each.text, each.name, each.line) for each in file.dependencies] == [
        ("python: 3.11", "", 2),
        ("", "", 3),
        ("npm:", "", 4),
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~\n", "name: a\n"])
def test_a_file_without_dependencies_is_read(text: str) -> None:
    file = read_environment_file(text)
    assert file.dependencies == () and file.pip is None
    assert "".join(file.lines) == text


def test_one_channel_duplicates_and_an_empty_pip_section() -> None:
    file = read_environment_file("channels: conda-forge\ndependencies:\n- a=1\n- a=2\n- pip:\n")
    assert file.channels == (("conda-forge", 1),)
    assert [each.line for each in file.dependencies] == [3, 4]
    assert file.pip == () and file.pip_line == 5


def test_line_ends_are_kept() -> None:
    text = "\ufeffname: a\r\ndependencies:\r\n- b\r\n- c"
    file = read_environment_file(text)
    assert [each.line for each in file.dependencies] == [3, 4]
    assert "".join(file.lines) == text


def test_foreign_letters_are_kept() -> None:
    file = read_environment_file("name: 环境\nprefix: '/a b/$x;\"'\ndependencies: [a]\n")
    assert (file.name, file.prefix) == ("环境", '/a b/$x;"')


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("- a\n- b\n", 1, "found a list, expected a mapping"),
        ("just words\n", 1, "found a text, expected a mapping"),
        ("name: a\ndependencies: b\n", 2, "found a text, expected a list"),
        ("name: [a]\n", 1, "found a list, expected a text"),
        ("name: a\nchannels:\n- b: c\n", 3, "found a mapping, expected a text"),
        ("dependencies:\n- [a, b]\n", 2, "found a list, expected a mapping"),
        ("dependencies:\n- pip: numpy\n", 2, "found a text, expected a list"),
        ("dependencies:\n- pip:\n  - a: b\n", 3, "found a mapping, expected a text"),
        ("name: a\nname: b\n", 2, "“name” stands a second time"),
        ("name: a\ndependencies:\n\t- b\n", 3, "expected YAML"),
        ("name: 'a\n", 2, "expected YAML"),
        ("name: a\n---\nname: b\n", 2, "expected YAML"),
        ("name: *b\n", 1, "expected YAML"),
        ("name: a\nb: \x1b[31m\n", 2, "U+001B"),
        ("name: a\nb: \ud800\n", 2, "U+D800"),
        ("a: " + "[" * 5000, 1, "deeper"),
        ("a: " + "{a: " * 5000, 1, "deeper"),
        ("x: &x [" + "a," * 200 + "]\ndependencies:\n" + "- pip: *x\n" * 200, 102, "more entries"),
        ("#" * (1 << 20), 0, "1048576 characters"),
    ],
)
def test_faults_name_file_line_found_and_expected(text: str, line: int, found: str) -> None:
    with pytest.raises(FileFault) as caught:
        read_environment_file(text, "some.yml")
    fault = caught.value
    assert fault.line == line
    assert fault.title == ("some.yml" if line == 0 else f"some.yml, line {line}")
    assert found in fault.detail and "expected" in fault.detail


def test_tags_make_nothing() -> None:
    file = read_environment_file("name: !!python/object/apply:os.system ['true']\n".replace("['true']", "x"))
    assert file.name == "x"


@pytest.mark.parametrize(
    "text",
    [
        'name: "\\UFFFFFFFF"\ndependencies: [python]\n',
        "%YAML 1." + "9" * 5000 + "\n---\ndependencies: [python]\n",
        'name: "\\ud800"\ndependencies: [python]\n',
    ],
)
def test_what_breaks_the_yaml_reader_itself_is_a_fault_of_the_file(text: str) -> None:
    with pytest.raises(FileFault):
        read_environment_file(text, "environment.yml")
