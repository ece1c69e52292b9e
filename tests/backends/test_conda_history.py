"""What was asked for, in the forms in which managers have written it since 2016."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.backends.conda.history import spec_name, specs_asked_for


def test_the_newest_of_each_package_counts() -> None:
    history = """==> 2024-01-15 10:30:00 <==
# cmd: /opt/conda/bin/conda create -n vision python=3.11 numpy scipy
# conda version: 24.1.0
+conda-forge/linux-64::python-3.11.9-h1_0
# update specs: ['python=3.11', 'numpy', "scipy[version='>=1.2']"]
==> 2024-01-16 14:20:00 <==
# cmd: conda install numpy=1.26 conda-forge::pandas
# update specs: ['numpy=1.26', 'conda-forge::pandas']
# neutered specs: ["scipy=1.11"]
==> 2024-01-17 09:00:00 <==
# cmd: conda remove pandas
# remove specs: ['pandas']
"""
    assert specs_asked_for(history) == ("python=3.11", "numpy=1.26", "scipy=1.11")


@pytest.mark.parametrize(
    ("lines", "specs"),
    [
        ("# install specs: numpy>=1.0,<2.0,pandas >=1.5\n", ("numpy>=1.0,<2.0", "pandas >=1.5")),
        ("# create specs: [u'python 3.5*', u'numpy']\n", ("python 3.5*", "numpy")),
        ('# update specs: ["xtensor"]\n# neutered specs: []\n# remove specs: []\n', ("xtensor",)),
        ("# update specs: ['conda-forge/linux-64::numpy==1.26.4=py311_0']\n",
         ("conda-forge/linux-64::numpy==1.26.4=py311_0",)),
        ("# update specs: ['numpy']\n# uninstall specs: ['NumPy']\n", ()),
        ("# update specs: ['numpy'\n", ()),
        ("# update specs: [1, None, ['x'], 'numpy']\n", ("numpy",)),
        ("# update specs: " + "[" * 5000 + "\n", ()),
        ("# update specs: [__import__('os').system('false')]\n", ()),
        ("# cmd: conda create # update specs: ['numpy']\n", ()),
        ("+numpy-1-0\n-numpy-1-0\nupdate specs: ['numpy']\n", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_forms(lines: str, specs: tuple[str, ...]) -> None:
    assert specs_asked_for(lines) == specs


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    specs_asked_for(text)
    specs_asked_for(f"# update specs: {text}")
    specs_asked_for(f"# update specs: [{text!r}]")
    assert spec_name(text) == spec_name(text).lower()
