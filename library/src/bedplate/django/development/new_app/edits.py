"""Adds an app to the project's files: each edit adds a line, and changes nothing else."""

import ast


class NoPlaceError(Exception):
    """The text has no place for the line."""


def with_element(source: str, variable: str, element: str) -> str:
    """Return Python code with one more element at the end of a list. Raise NoPlaceError if there is no such list."""
    for node in ast.parse(source).body:
        target, value = _assignment(node)
        if target == variable and isinstance(value, ast.List) and value.end_lineno and value.elts:
            lines = source.split("\n")  # as Python counts them: a text may contain other separators
            first, last = value.elts[0], value.elts[-1]
            if last.end_lineno is None or last.end_lineno == value.end_lineno:  # they share the line of the bracket
                break
            before = lines[first.lineno - 1][: first.col_offset]
            lines[last.end_lineno - 1] = _with_comma(lines[last.end_lineno - 1], last.end_col_offset or 0)
            indentation = before if before.isspace() else " " * first.col_offset
            lines.insert(value.end_lineno - 1, f"{indentation}{element},")
            return "\n".join(lines)
    raise NoPlaceError(variable)


def _with_comma(line: str, end: int) -> str:
    """Return the line with a comma after an element, which ends at this byte, unless more code follows."""
    element, rest = line.encode()[:end].decode(), line.encode()[end:].decode()
    return line if rest.partition("#")[0].strip() else f"{element},{rest}"


def _assignment(node: ast.stmt) -> tuple[str, ast.expr | None]:
    """Return the name and the value of an assignment to one name."""
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id, node.value
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value
    return "", None


def with_link(header: str, link: str) -> str:
    """Return the header with a link below that to the documents. Raise NoPlaceError without that one."""
    lines = header.splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        if "{% url 'documents' %}" in line and line.strip().endswith("</li>"):
            indentation = line[: len(line) - len(line.lstrip())]
            return "".join([*lines[:number], f"{indentation}{link}\n", *lines[number:]])
    raise NoPlaceError(link)
