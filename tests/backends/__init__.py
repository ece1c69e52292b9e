import pytest

# the cases are not in a test file, so that pytest would leave their assertions bare
pytest.register_assert_rewrite("tests.backends.contract")
