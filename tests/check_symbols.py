#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that the controller has no door but its port.

    tests/check_symbols.py ARCHIVE [--allowed tests/allowed_symbols.txt]
    tests/check_symbols.py --self-test

Lists the symbols that the archive needs and does not define itself, and compares them with the
list of those it may need.  The list cannot allow what FORBIDDEN names.
"""
import argparse
import fnmatch
import pathlib
import subprocess
import sys

# No reason is good enough for these: clocks, files, threads, output, chance, the environment.
FORBIDDEN = ["time", "clock", "clock_gettime", "gettimeofday", "g_get_monotonic_time",
             "g_get_real_time", "fopen", "open", "read", "write", "socket", "printf", "fprintf",
             "puts", "fputs", "fwrite", "g_print", "g_printerr", "g_log", "stdout", "stderr",
             "getenv", "g_getenv", "pthread_create", "pthread_mutex_lock", "g_thread_new",
             "g_mutex_lock", "rand", "random", "g_random_int", "gw_random_init",
             "gw_random_next", "gw_random_uniform", "gw_random_below", "gw_random_at",
             "g_hash_table_iter_init", "g_hash_table_foreach", "g_hash_table_get_keys",
             "setjmp", "system", "gw_engine_post", "gw_cluster_new", "gw_world_new"]

# What sanitizers and coverage add.
INSTRUMENTS = ["__asan_*", "__ubsan_*", "__tsan_*", "__sanitizer_*", "__gcov_*", "__llvm_*"]


def matches(symbol, patterns):
    return any(fnmatch.fnmatchcase(symbol, pattern) for pattern in patterns)


def parse_list(text):
    """Patterns, one a line; `#` begins a comment."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def parse_nm(text):
    """(needed, defined) of `nm --format=posix`: "name type [value size]"."""
    needed, defined = set(), set()
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 2 or line.endswith(":"):
            continue
        name, kind = fields[0], fields[1]
        if kind in ("U", "w", "v"):
            needed.add(name)
        elif kind.isupper():
            defined.add(name)
    return needed, defined


def find_strangers(nm_text, patterns):
    needed, defined = parse_nm(nm_text)
    return sorted(symbol for symbol in needed - defined
                  if not matches(symbol, patterns) and not matches(symbol, INSTRUMENTS))


def find_forbidden(patterns):
    return sorted(symbol for symbol in FORBIDDEN if matches(symbol, patterns))


def check_archive(archive, allowed):
    patterns = parse_list(pathlib.Path(allowed).read_text(encoding="utf-8"))
    done = subprocess.run(["nm", "--format=posix", str(archive)], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        print(f"{archive}: {done.stderr.strip()}")
        return 1
    if not parse_nm(done.stdout)[1]:
        print(f"{archive}: defines nothing; is it the right file?")
        return 1
    forbidden = find_forbidden(patterns)
    strangers = find_strangers(done.stdout, patterns)
    for symbol in forbidden:
        print(f"{allowed}: allows {symbol}, which the controller must never use")
    for symbol in strangers:
        print(f"{archive}: needs {symbol}, which is not in {pathlib.Path(allowed).name}")
    return 1 if forbidden or strangers else 0


def run_self_tests():
    nm_text = ("libgw_controller.a[a.c.o]:\n"
               "g_free U         \n"
               "clock_gettime U         \n"
               "gw_store_release U         \n"
               "gw_pool_take U         \n"
               "__asan_init U         \n"
               "weak_one w         \n"
               "pick_gang t 0 10\n"
               "libgw_controller.a[b.c.o]:\n"
               "gw_store_release T 0 10\n")
    patterns = parse_list("# reasons\n\ng_free # memory\ngw_pool_*\n")
    tests = [
        (patterns, ["g_free", "gw_pool_*"]),
        (find_strangers(nm_text, patterns), ["clock_gettime", "weak_one"]),
        (find_strangers(nm_text, patterns + ["clock_*", "weak_one"]), []),
        (find_forbidden(["g_free", "gw_pool_*"]), []),
        (find_forbidden(["clock_*"]), ["clock_gettime"]),
        (bool(find_forbidden(["gw_*"])), True),
        (bool(find_forbidden(["*"])), True),
        (check_archive("/no/such/archive.a", __file__), 1),
    ]
    failed = 0
    for found, expected in tests:
        if found != expected:
            failed += 1
            print(f"found {found}, expected {expected}")
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 0 if failed == 0 else 1


def main():
    parser = argparse.ArgumentParser(description="Compares what an archive needs with a list.")
    here = pathlib.Path(__file__).resolve().parent
    parser.add_argument("archive", nargs="?")
    parser.add_argument("--allowed", default=here / "allowed_symbols.txt")
    parser.add_argument("--self-test", action="store_true", help="prove that the check can fail")
    arguments = parser.parse_args()
    if arguments.self_test:
        return run_self_tests()
    if arguments.archive is None:
        parser.error("the archive is missing")
    return check_archive(arguments.archive, arguments.allowed)


if __name__ == "__main__":
    sys.exit(main())
