#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what CONTRIBUTING.md asks of the source: layers, banned calls, sizes, headers.

    tests/tidy.py [--root DIR] [--commands build/compile_commands.json]
    tests/tidy.py --self-test

A rule is a function that takes the tree and yields (file, line, message); RULES lists them with
the files they look at.  Each pair of rule and file counts as one check.  The self-test gives every
rule a snippet that it must refuse and one that it must accept.
"""
import argparse
import ast
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 800

# (rule, path pattern, reason): checks that are not made.
EXCEPTIONS = [
    ("build", "real/mpi_link.c", "in a target only where there is MPI"),
    ("build", "tests/bench/starpu/bench_starpu.c", "in a target only where there is StarPU"),
]

SKIPPED_FOLDERS = {".git", "build", "out", "__pycache__"}

# Which folder of sim/ (and real/) may include which; each may include itself.
LAYERS = {
    "base": set(),
    "program": {"base"},
    "engine": {"base"},
    "controller": {"base", "program"},
    "topology": {"base", "engine"},
    "accel": {"base", "program", "engine", "topology"},
    "workload": {"base", "program"},
    "scenario": {"base", "program", "workload", "controller"},
    "record": {"base"},
    "world": {"base", "program", "engine", "controller", "topology", "accel", "workload",
              "scenario", "record"},
    "real": {"base", "program", "controller", "scenario", "record"},
}

# Single headers besides, each with its reason.
GRANTED = {
    ("topology", "program/machine.h"),  # The machine as plain data, which scenario/ fills.
    ("record", "controller/port.h"),  # What nodes note, which recorders take down.
}

# The controller sees the world through port.h: no header that opens another door.
CONTROLLER_HEADERS = {"glib.h", "inttypes.h", "limits.h", "stdbool.h", "stddef.h", "stdint.h",
                      "string.h"}

# Name: what to use instead.  Everywhere.
BANNED = {
    "strtod": "g_ascii_strtod, which knows no locale",
    "strtof": "g_ascii_strtod, which knows no locale",
    "strtold": "g_ascii_strtod, which knows no locale",
    "atof": "g_ascii_strtod",
    "atoi": "g_ascii_string_to_signed, which reports errors",
    "atol": "g_ascii_string_to_signed, which reports errors",
    "atoll": "g_ascii_string_to_signed, which reports errors",
    "sscanf": "base/params.h or base/units.h",
    "sprintf": "g_snprintf or g_strdup_printf",
    "vsprintf": "g_vsnprintf or g_strdup_vprintf",
    "strcpy": "g_strlcpy or g_strdup",
    "strncpy": "g_strlcpy",
    "strcat": "GString",
    "strncat": "GString",
    "strtok": "g_strsplit",
    "gets": "fgets",
    "tmpnam": "g_mkstemp",
    "mktemp": "g_mkstemp",
    "rand": "gw_random_next: a stream by seed and name",
    "srand": "gw_random_init",
    "random": "gw_random_next: a stream by seed and name",
    "srandom": "gw_random_init",
    "drand48": "gw_random_uniform",
    "g_random_int": "gw_random_next",
    "g_random_int_range": "gw_random_below",
    "g_random_double": "gw_random_uniform",
    "g_rand_new": "gw_random_init",
    "g_return_if_fail": "gw_check, which ends the program",
    "g_return_val_if_fail": "gw_check, which ends the program",
    "g_assert": "gw_check, which cannot be compiled out",
    "assert": "gw_check, which cannot be compiled out",
    "setjmp": "a return value",
    "longjmp": "a return value",
    "sigsetjmp": "a return value",
    "siglongjmp": "a return value",
    "alloca": "g_malloc or a fixed array",
    "g_alloca": "g_malloc or a fixed array",
    "g_newa": "g_new or a fixed array",
    "localtime": "localtime_r",
    "gmtime": "gmtime_r",
    "asctime": "strftime",
    "ctime": "strftime",
}

# In sim/ besides: a run is named by its seed.
HASH_WALK = "an array by index: the order of a GHashTable depends on addresses"
CLOCK = "the engine's clock: true time belongs to real/ and app/"
LIBM = "sqrt or ceil: other functions of libm differ between machines"
BANNED_IN_SIM = {
    **{name: HASH_WALK for name in (
        "g_hash_table_iter_init", "g_hash_table_foreach", "g_hash_table_foreach_remove",
        "g_hash_table_get_keys", "g_hash_table_get_keys_as_array", "g_hash_table_get_values",
        "g_hash_table_find")},
    **{name: CLOCK for name in (
        "time", "clock", "clock_gettime", "gettimeofday", "g_get_monotonic_time",
        "g_get_real_time", "g_timer_new", "g_date_time_new_now_local",
        "g_date_time_new_now_utc")},
    **{name: LIBM for name in (
        "pow", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan",
        "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "cbrt", "hypot", "fma", "erf",
        "lgamma", "tgamma")},
}

# In sim/controller besides.
PORT = "a method of port.h"
BANNED_IN_CONTROLLER = {
    name: PORT for name in (
        "printf", "fprintf", "puts", "fputs", "putchar", "g_print", "g_printerr", "g_log",
        "g_message", "g_warning", "fopen", "open", "read", "write", "socket", "getenv",
        "g_getenv", "usleep", "nanosleep", "g_usleep", "pthread_create", "g_thread_new",
        "g_mutex_lock", "pthread_mutex_lock", "gw_random_init", "gw_random_next",
        "gw_random_uniform", "gw_random_below")
}


# --- Reading ---

def blank(text):
    """The same length and lines, without letters."""
    return re.sub(r"[^\n]", " ", text)


def strip_code(text):
    """C without comments and without what literals say; offsets and lines stay."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def replace(match):
        found = match.group(0)
        if found[0] in "\"'":
            return found[0] + blank(found[1:-1]) + found[0]
        return blank(found)
    return pattern.sub(replace, text)


def strip_directives(code):
    """Stripped code without preprocessor lines and their continuations."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: blank(m.group(0)), code, flags=re.M)


class Source:
    """One file, read once."""

    def __init__(self, root, path):
        self.path = path
        self.full_path = root / path
        raw = self.full_path.read_bytes()
        self.text = raw.decode("utf-8", errors="replace")
        self.lines = self.text.split("\n")
        self.is_c = path.endswith((".c", ".h"))
        self.code = strip_code(self.text) if self.is_c else ""
        self.body = strip_directives(self.code) if self.is_c else ""
        self.includes = re.findall(r"^[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"\n]*)", self.text,
                                   flags=re.M) if self.is_c else []

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def line_of_include(self, header):
        at = re.search(r"include[ \t]*[<\"]" + re.escape(header), self.text)
        return self.line_of(at.start()) if at else 1

    @property
    def layer(self):
        parts = self.path.split("/")
        return parts[1] if parts[0] == "sim" and len(parts) > 2 else parts[0]


class Tree:
    """The files that the rules look at, by path."""

    def __init__(self, root, commands=None):
        self.root = pathlib.Path(root).resolve()
        self.commands = commands
        self.sources = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
            for name in sorted(names):
                path = (pathlib.Path(folder) / name).relative_to(self.root).as_posix()
                if is_text(path):
                    self.sources.append(Source(self.root, path))


def is_script(path):
    return path == ".ci/run" or (path.startswith("scripts/") and path.count("/") == 1)


def is_code(path):
    name = path.rsplit("/", 1)[-1]
    return path.endswith((".c", ".h", ".cmake", ".py", ".sh", ".gp")) or \
        name == "CMakeLists.txt" or (is_script(path) and "." not in name)


def is_text(path):
    return is_code(path) or path.endswith(".md")


def is_c(path):
    return path.endswith((".c", ".h"))


def is_header(path):
    return path.endswith(".h")


def is_layered(path):
    return is_c(path) and path.startswith(("sim/", "real/"))


def is_sim(path):
    return is_c(path) and path.startswith("sim/")


def is_controller(path):
    return is_c(path) and path.startswith("sim/controller/")


def is_product(path):
    return is_c(path) and path.startswith(("sim/", "real/", "app/"))


# --- Finding functions and variables ---

# What stands before a function and does not belong to it: G_DEFINE_QUARK(...), END_TEST.
MACROS = re.compile(r"\s*(?:[A-Z][A-Z0-9_]*(?:\s*\([^()]*\)\s*|\s+)(?=[A-Za-z]))*")


def find_functions(source):
    """(name, first line, last line, head) of each function with a body."""
    body = source.body
    depth = 0
    begin = 0  # Of the current top-level declaration.
    head = ""
    for match in re.finditer(r"[{};]", body):
        mark, at = match.group(0), match.start()
        if mark == "{":
            if depth == 0:
                head = body[begin:at]
            depth += 1
        elif mark == "}":
            depth -= 1
            if depth == 0:
                name = re.search(r"(\w+)\s*\([^{}]*\)\s*$", head, re.S)
                if name and "=" not in head:
                    skipped = MACROS.match(head).end()
                    name = re.match(r"[^(]*?(\w+)\s*\(", head[skipped:], re.S)
                    yield (name.group(1), source.line_of(begin + skipped), source.line_of(at),
                           head[skipped:])
                begin = at + 1
        elif depth == 0:
            begin = at + 1
        if depth < 0:
            return


def find_variables(source):
    """(offset, declaration) of variables that live as long as the program."""
    body = source.body
    depth = 0
    begin = 0
    flat = []
    for at, mark in enumerate(body):
        if mark == "{":
            depth += 1
        elif mark == "}":
            depth -= 1
            flat.append("{}" if depth == 0 else "")
            if depth == 0 and re.search(r"\)\s*\{\}$", "".join(flat).rstrip()):
                begin, flat = at + 1, []
        elif mark == ";" and depth == 0:
            declaration = "".join(flat).strip()
            offset = begin + len(body[begin:at]) - len(body[begin:at].lstrip())
            if is_variable(declaration):
                yield offset, declaration
            begin, flat = at + 1, []
        elif depth == 0:
            flat.append(mark)
    for match in re.finditer(r"(?<=[;{}\s])(?:static|_Thread_local)\b[^;{}=]*[;={]", body):
        declaration = match.group(0)[:-1].strip()
        inside = body.count("{", 0, match.start()) > body.count("}", 0, match.start())
        if inside and is_variable(declaration):
            yield match.start(), declaration


def is_variable(declaration):
    head = declaration.split("=")[0].strip()
    if not head or re.match(r"(typedef|extern)\b", head):
        return False
    if re.fullmatch(r"(struct|union|enum)\s*\w*\s*(\{\})?", head):
        return False
    return "(" not in head or re.search(r"\(\s*\*", head) is not None


def is_constant(declaration):
    head = declaration.split("=")[0]
    pointer = re.search(r"\(\s*\*+\s*(const\b)?", head)
    if pointer:
        return pointer.group(1) is not None
    if "*" in head:
        return re.search(r"\*\s*const\b[^*]*$", head) is not None
    return re.search(r"\bconst\b", head) is not None


# --- Rules: each takes the tree and a source, and yields (line, message) ---

def check_layers(_tree, source):
    layer = source.layer
    allowed = LAYERS.get(layer)
    if allowed is None:
        yield 1, f"folder {layer} has no place among the layers"
        return
    for kind, header in source.includes:
        if kind != '"':
            continue
        target = header.split("/")[0]
        line = source.line_of_include(header)
        if "/" not in header:
            yield line, f'"{header}" must be written from sim/, as "{layer}/{header}"'
        elif target not in allowed | {layer} and (layer, header) not in GRANTED:
            yield line, f"{layer} must not include {target}"
        elif layer == "topology" and target == "engine" and "/fabric" not in source.path:
            yield line, "in topology only fabric may include engine"


def find_calls(source, names):
    for match in re.finditer(r"(?<![\w.>])(\w+)\s*\(", source.code):
        if match.group(1) in names:
            yield source.line_of(match.start()), match.group(1)


def check_calls(_tree, source):
    banned = dict(BANNED)
    if is_sim(source.path):
        banned.update(BANNED_IN_SIM)
    if is_controller(source.path):
        banned.update(BANNED_IN_CONTROLLER)
    for line, name in find_calls(source, banned):
        yield line, f"{name}: use {banned[name]}"
    for match in re.finditer(r"\bgoto\b", source.code):
        yield source.line_of(match.start()), "goto: use g_autofree, g_autoptr or a function"


def check_width(_tree, source):
    for number, line in enumerate(source.lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, f"{len(line)} columns, at most {COLUMNS_MAX}"


def check_space(_tree, source):
    for number, line in enumerate(source.lines, 1):
        if line != line.rstrip():
            yield number, "space at the end of the line"
        if "\t" in line:
            yield number, "a tab; use spaces"
    if source.text and not source.text.endswith("\n"):
        yield len(source.lines), "no newline at the end"


def check_length(_tree, source):
    count = len(source.text.splitlines())
    if count > FILE_LINES_MAX:
        yield count, f"{count} lines, at most {FILE_LINES_MAX}"


def list_functions(source):
    if source.is_c:
        for name, first, last, _head in find_functions(source):
            yield name, first, last
    elif source.path.endswith(".py"):
        for node in ast.walk(ast.parse(source.text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name, node.lineno, node.end_lineno


def check_functions(_tree, source):
    for name, first, last in list_functions(source):
        count = last - first + 1
        if count > FUNCTION_LINES_MAX:
            yield first, f"{name} has {count} lines, at most {FUNCTION_LINES_MAX}"


def check_names(_tree, source):
    for name, first, _last, head in find_functions(source):
        is_private = re.search(r"\bstatic\b", head) is not None
        if not is_private and not name.startswith("gw_") and name != "main":
            yield first, f"{name} is public, so its name begins with gw_; or make it static"
        if is_private and name.startswith("gw_") and source.path.endswith(".c"):
            yield first, f"{name} is static, so its name does not begin with gw_"
    for match in re.finditer(r"\btypedef\b[^;{]*(?:\{[^{}]*\}[^;]*)?\b(\w+_t)\s*;", source.body):
        yield source.line_of(match.start()), f"{match.group(1)}: types do not end in _t"


def check_licence(_tree, source):
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in source.lines[:2]):
        yield 1, "the first line (after #!) is not the SPDX line"


def check_pragma(_tree, source):
    if not re.search(r"^#pragma once$", source.text, flags=re.M):
        yield 1, "no #pragma once"


def check_marks(_tree, source):
    for number, line in enumerate(source.lines, 1):
        found = re.search(r"\b(TO" "DO|FIX" "ME|XX" "X)\\b", line)
        if found:
            yield number, f"{found.group(1)}: do it, or write down why not"


def check_controller(_tree, source):
    for kind, header in source.includes:
        if kind == "<" and header not in CONTROLLER_HEADERS:
            yield source.line_of_include(header), f"<{header}>: the controller asks port.h"
    for match in re.finditer(r"^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)\b", source.code, flags=re.M):
        yield source.line_of(match.start()), f"#{match.group(1)}: one controller for every port"
    for offset, declaration in find_variables(source):
        if not is_constant(declaration):
            shown = " ".join(declaration.split())
            yield source.line_of(offset), f"variable that can change: {shown}"


def check_json(_tree, source):
    is_allowed = source.path.startswith(("sim/base/params", "sim/record/"))
    for _kind, header in source.includes:
        if header == "jansson.h" and not is_allowed:
            yield source.line_of_include(header), "jansson.h: use base/params.h or record/"


def check_build(tree, source):
    if str(source.full_path) not in tree.built:
        yield 1, "in no target of CMake"


def compiler_flags():
    packages = ["glib-2.0", "jansson", "check", "openblas"]
    flags = []
    for package in packages:
        found = subprocess.run(["pkg-config", "--cflags", package], capture_output=True,
                               text=True, check=False)
        flags += shlex.split(found.stdout) if found.returncode == 0 else []
    return flags


def check_header(tree, source):
    command = [os.environ.get("CC", "gcc"), "-std=gnu17", "-fsyntax-only", "-Wall", "-Wextra",
               "-Werror", "-Wno-unused-function", f'-DGW_SOURCE_DIR="{tree.root}"',
               f"-I{tree.root}/sim", f"-I{tree.root}", f"-I{tree.root}/tests/lib", *tree.flags,
               "-x", "c", "-"]
    done = subprocess.run(command, input=f'#include "{source.full_path}"\n', text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        yield 1, "does not compile alone: " + (errors or ["?"])[0]


# Name, which files, what.
RULES = [
    ("layers", is_layered, check_layers),
    ("calls", is_c, check_calls),
    ("width", is_code, check_width),
    ("space", is_code, check_space),
    ("length", is_code, check_length),
    ("functions", lambda path: is_c(path) or path.endswith(".py"), check_functions),
    ("names", is_layered, check_names),
    ("licence", is_code, check_licence),
    ("pragma", is_header, check_pragma),
    ("marks", is_text, check_marks),
    ("controller", is_controller, check_controller),
    ("json", is_product, check_json),
    ("build", lambda path: path.endswith(".c"), check_build),
    ("header", is_header, check_header),
]


# --- Running ---

def load_built(commands):
    with open(commands, encoding="utf-8") as file:
        entries = json.load(file)
    return {str((pathlib.Path(e["directory"]) / e["file"]).resolve()) for e in entries}


def is_excepted(rule, path):
    return any(rule == name and fnmatch.fnmatch(path, pattern) for name, pattern, _ in EXCEPTIONS)


def run_rules(tree, only=None):
    """(rule, path, findings) of each check, in order of rule and path."""
    tree.flags = compiler_flags()
    tree.built = load_built(tree.commands) if tree.commands else set()
    jobs = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for name, applies, check in RULES:
            if (only and name != only) or (name == "build" and not tree.commands):
                continue
            for source in tree.sources:
                if applies(source.path) and not is_excepted(name, source.path):
                    job = pool.submit(lambda c=check, s=source: sorted(set(c(tree, s))))
                    jobs.append((name, source.path, job))
        return [(name, path, job.result()) for name, path, job in jobs]


def check_tree(root, commands):
    passed = failed = 0
    for rule, path, findings in run_rules(Tree(root, commands)):
        for line, message in findings:
            print(f"{path}:{line}: {rule}: {message}")
        failed += 1 if findings else 0
        passed += 0 if findings else 1
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


# --- Self-test ---

HEADER = "/* SPDX-License-Identifier: Apache-2.0 */\n#pragma once\n"
LONG_FUNCTION = "static int add(int a)\n{\n" + "    a++;\n" * 70 + "    return a;\n}\n"
CONTROLLER = "sim/controller/a.c"

# (rule, path, text, whether the rule refuses it)
SELF_TESTS = [
    ("layers", CONTROLLER, '#include "engine/engine.h"\n', True),
    ("layers", CONTROLLER, '#include "base/check.h"\n#include "controller/port.h"\n', False),
    ("layers", "sim/engine/a.c", '#include "program/program.h"\n', True),
    ("layers", "sim/engine/a.c", '#include "queue.h"\n', True),
    ("layers", "sim/topology/route.c", '#include "engine/engine.h"\n', True),
    ("layers", "sim/topology/fabric.c", '#include "engine/engine.h"\n', False),
    ("layers", "real/a.c", '#include "world/world.h"\n', True),
    ("layers", "real/a.c", '#include "real/b.h"\n#include "record/trace.h"\n', False),
    ("layers", "sim/topology/a.h", '#include "program/machine.h"\n', False),
    ("layers", "sim/topology/a.h", '#include "program/program.h"\n', True),
    ("layers", "sim/fancy/a.c", "int x;\n", True),
    *[("calls", "sim/base/a.c", f"void f(void)\n{{\n    {name}(1);\n}}\n", True)
      for name in (*BANNED, *BANNED_IN_SIM)],
    *[("calls", CONTROLLER, f"void f(void)\n{{\n    {name}(1);\n}}\n", True)
      for name in BANNED_IN_CONTROLLER],
    ("calls", "app/a.c", "void f(void)\n{\n    goto end;\nend:;\n}\n", True),
    ("calls", "app/a.c", "/* goto, rand() */ char *s = \"strcpy(a)\"; // atoi(b)\n", False),
    ("calls", "app/a.c", "void f(void)\n{\n    g_hash_table_foreach(t, g, 0);\n}\n", False),
    ("calls", "sim/base/a.c", "x = g_ascii_strtod(a, b) + port->ops->time(c) + my_rand(d);\n",
     False),
    ("width", "sim/base/a.c", "/* " + "x" * 98 + "\n", True),
    ("width", "scripts/setup", "#" + "é" * 99 + "\n", False),
    ("width", "scripts/setup", "#" + "x" * 100 + "\n", True),
    ("space", "plots/a.gp", "set grid \n", True),
    ("space", "sim/base/a.c", "\tint x;\n", True),
    ("space", "sim/base/a.c", "int x;", True),
    ("space", "sim/base/a.c", "int x;\n", False),
    ("length", "sim/base/a.c", "int x;\n" * 801, True),
    ("length", "sim/base/a.c", "int x;\n" * 800, False),
    ("functions", "sim/base/a.c", LONG_FUNCTION, True),
    ("functions", "sim/base/a.c", LONG_FUNCTION.replace("    a++;\n", "", 4), False),
    ("functions", "sim/base/a.c", "#define X(a) \\\n    {\n" + LONG_FUNCTION, True),
    ("functions", "tests/a.py", "def f():\n" + "    x = 1\n" * 70, True),
    ("functions", "tests/a.py", "def f():\n" + "    x = 1\n" * 69, False),
    ("names", "sim/base/a.c", "int add(int a)\n{\n    return a;\n}\n", True),
    ("names", "sim/base/a.c", "static int gw_add(int a)\n{\n    return a;\n}\n", True),
    ("names", "sim/base/a.c", "static int add(int a)\n{\n    return a;\n}\n"
                              "int gw_add(int a)\n{\n    return a;\n}\n", False),
    ("names", "sim/base/a.c", "G_DEFINE_QUARK(a, gw_a)\n\nint gw_add(int a)\n{\n}\n", False),
    ("names", "sim/base/a.c", "G_DEFINE_QUARK(a, gw_a)\n\nint add(int a)\n{\n}\n", True),
    ("functions", "tests/a.c", "START_TEST(a)\n{\n" + "    a++;\n" * 70 + "}\nEND_TEST\n", True),
    ("functions", "tests/a.c", "START_TEST(a)\n{\n" + "    a++;\n" * 67 + "}\nEND_TEST\n\n"
                               "START_TEST(b)\n{\n" + "    a++;\n" * 67 + "}\nEND_TEST\n", False),
    ("names", "sim/base/a.h", "typedef struct {\n    int a;\n} pool_t;\n", True),
    ("names", "sim/base/a.h", "typedef uint64_t gw_time;\n", False),
    ("licence", "sim/CMakeLists.txt", "project(x)\n", True),
    ("licence", "cmake/a.cmake", "# SPDX-License-Identifier: Apache-2.0\n", False),
    ("licence", "scripts/demo", "#!/bin/bash\n# SPDX-License-Identifier: Apache-2.0\n", False),
    ("licence", "tests/a.py", "#!/usr/bin/env python3\n", True),
    ("pragma", "sim/base/a.h", "#ifndef A_H\n#define A_H\n#endif\n", True),
    ("pragma", "sim/base/a.h", HEADER, False),
    ("marks", "docs/A.md", "TO" "DO: more\n", True),
    ("marks", "sim/base/a.c", "/* FIX" "ME */\n", True),
    ("marks", "sim/base/a.c", "/* XX" "X */\n", True),
    ("marks", "docs/A.md", "XXXL, todos\n", False),
    ("controller", CONTROLLER, "#include <stdio.h>\n", True),
    ("controller", CONTROLLER, "#include <time.h>\n", True),
    ("controller", CONTROLLER, "#include <pthread.h>\n", True),
    ("controller", CONTROLLER, "#include <glib.h>\n#include <string.h>\n", False),
    ("controller", CONTROLLER, "#ifdef SIMULATED\n#endif\n", True),
    ("controller", CONTROLLER, "#define A 1 /* #if */\n", False),
    ("controller", CONTROLLER, "static int count;\n", True),
    ("controller", CONTROLLER, "int gw_count = 3;\n", True),
    ("controller", CONTROLLER, "void f(void)\n{\n    static int count = 0;\n}\n", True),
    ("controller", CONTROLLER, "static const char *name;\n", True),
    ("controller", CONTROLLER, "static const char *names[] = {\"a\"};\n", True),
    ("controller", CONTROLLER, "static void (*hook)(void);\n", True),
    ("controller", CONTROLLER, "static void f(int a);\nstatic int g(void)\n{\n    int a = 1;\n"
                               "    return a;\n}\nstruct a {\n    int b;\n};\n"
                               "typedef struct a a;\nstatic const int c = 1;\n"
                               "static const char *const d[] = {\"a\"};\n"
                               "const gw_ops gw_ops_fifo = {.pick = f};\n"
                               "extern const int e;\nenum { F = 1 };\n", False),
    ("controller", CONTROLLER, "void f(void)\n{\n    static const int table[] = {1};\n}\n", False),
    ("json", "sim/world/a.c", "#include <jansson.h>\n", True),
    ("json", "app/a.c", "#include <jansson.h>\n", True),
    ("json", "sim/base/params_a.c", "#include <jansson.h>\n", False),
    ("json", "sim/record/a.c", "#include <jansson.h>\n", False),
    ("build", "sim/base/lost.c", "int x;\n", True),
    ("build", "sim/base/built.c", "int x;\n", False),
    ("header", "sim/base/a.h", HEADER + "void gw_a(gw_unknown *a);\n", True),
    ("header", "sim/base/a.h", HEADER + "#include <glib.h>\ngboolean gw_a(void);\n", False),
]


def refuses(rule, path, text):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        file = root / path
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
        commands = root / "compile_commands.json"
        built = {"directory": str(root), "file": "sim/base/built.c"}
        commands.write_text(json.dumps([built]), encoding="utf-8")
        return any(findings for _, _, findings in run_rules(Tree(root, commands), rule))


def run_self_tests():
    passed = failed = 0
    for rule, path, text, is_refused in SELF_TESTS:
        if refuses(rule, path, text) == is_refused:
            passed += 1
        else:
            failed += 1
            verb = "accepts" if is_refused else "refuses"
            print(f"{rule} {verb} {path}:\n{text}")
    for name in {rule for rule, _, _ in RULES} - {rule for rule, _, _, no in SELF_TESTS if no}:
        failed += 1
        print(f"{name}: no snippet shows that it can fail")
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


def main():
    parser = argparse.ArgumentParser(description="Checks the layout and the style of the source.")
    here = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--root", default=here, help="the repository")
    parser.add_argument("--commands", help="compile_commands.json, for the rule \"build\"")
    parser.add_argument("--self-test", action="store_true", help="prove that each rule can fail")
    arguments = parser.parse_args()
    if arguments.self_test:
        return run_self_tests()
    return check_tree(arguments.root, arguments.commands)


if __name__ == "__main__":
    sys.exit(main())
