"""Small files and small functions: the budget of docs/architecture.md, with no way to ask for more."""

from source import files_of_tests, functions, line_count, package_files

FILE_LINES = 400
FUNCTION_LINES = 70
MEAN_FILE_LINES = 130
MEAN_FUNCTION_LINES = 17


def test_no_file_is_longer_than_400_lines() -> None:
    long = {
        str(path): line_count(path) for path in (*package_files(), *files_of_tests()) if line_count(path) > FILE_LINES
    }
    assert long == {}


def test_no_function_is_longer_than_70_lines() -> None:
    files = (*package_files(), *files_of_tests())
    long = {name: lines for path in files for name, lines in functions(path) if lines > FUNCTION_LINES}
    assert long == {}


def test_files_are_small_on_average() -> None:
    sizes = [line_count(path) for path in package_files() if line_count(path) > 1]
    assert sum(sizes) / len(sizes) <= MEAN_FILE_LINES


def test_functions_are_small_on_average() -> None:
    sizes = [lines for path in package_files() for _, lines in functions(path)]
    assert sum(sizes) / len(sizes) <= MEAN_FUNCTION_LINES
