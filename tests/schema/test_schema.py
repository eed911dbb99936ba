#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every example through both judges: the JSON Schema that editors use, and `gangway check`.

Good examples (tests/schema/good, configs, configs/paper, the scenarios of configs/reproduce and
configs/validate) pass both, those of tests/schema/good with a comment in every object, too.  Bad
ones (tests/schema/bad) fail both, except those of C_ONLY, which no schema can refuse: products,
sums, files, what fits.
A bad example carries part of the message that the program must give, in its comment key "//expect".

Then good examples with one or two random changes: what the schema refuses, the program refuses too.

    test_schema.py --gangway build/release/app/gangway [--mutations 300] [--seed 1]
"""
import argparse
import copy
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOOD = [ROOT / "tests/schema/good", ROOT / "configs", ROOT / "configs/paper",
        ROOT / "configs/reproduce/pathways", ROOT / "configs/reproduce/zero-bubble",
        ROOT / "configs/reproduce/gshard", ROOT / "configs/validate",
        ROOT / "configs/validate/held_out"]
BAD = ROOT / "tests/schema/bad"
# Good ones that only the schema is asked about: their plugins are beside them when it is built.
WITH_PLUGIN = [ROOT / f"examples/{kind}/scenario.json"
               for kind in ("dispatch", "placement", "policy")]

# Bad examples that the schema lets pass, each with the reason.
C_ONLY = {
    "spill_without_memory": "what the islands have",
    "transformer_text_encoder": "a sum of two keys",
    "transformer_text_folder": "what a path leads to",
    "transformer_text_missing": "whether a file exists",
    "transformer_text_short": "what a file holds",
    "transformer_text_vocabulary": "what a file holds",
    "speed_twice": "hosts' devices",
    "speed_beyond_island": "how many hosts there are",
    "accelerator_path_missing": "whether a file exists",
    "accelerator_unknown": "which files exist",
    "batch_not_divisible": "divisibility",
    "devices_beyond_cluster": "a sum over islands",
    "devices_of_two_islands": "a sum over islands",
    "devices_too_few": "the size of a mesh",
    "devices_total": "a product summed over islands",
    "exchange_counted_elsewhere": "names defined elsewhere",
    "exchange_counts_of_none": "a property of the program",
    "exchange_counts_short": "the length of one list against another number",
    "exchange_counts_sum": "a sum",
    "exchange_counts_unknown_node": "a name defined elsewhere",
    "exchange_in_one_mesh": "names defined elsewhere",
    "exchange_of_tf1": "a property of the program",
    "exchange_replicated": "a property of another node",
    "exchange_return_of_nothing": "names defined elsewhere",
    "exchange_row_does_not_divide": "divisibility",
    "dispatch_plugin_missing": "which files exist",
    "fused_decided": "a property of the program",
    "fault_adds_what_is_there": "what the earlier ones did",
    "fault_client_twice": "what the earlier ones did",
    "fault_client_unknown": "a name defined elsewhere",
    "fault_host_beyond": "one number against another",
    "fault_island_beyond": "a sum over islands",
    "experts_data": "divisibility",
    "experts_every": "one number against another",
    "experts_group": "divisibility",
    "experts_seats": "a product",
    "experts_top": "one number against another",
    "transformer_experts_encoder": "one number against another",
    "fault_order": "one span against another",
    "fault_removed_twice": "what the earlier ones did",
    "fault_with_spill": "one key against another's",
    "graph_cycle": "a path in a graph",
    "graph_decided_without_values": "names defined elsewhere",
    "graph_decides_itself": "a path in a graph",
    "graph_result_unknown_node": "a name defined elsewhere",
    "graph_when_unknown": "a name defined elsewhere",
    "graph_unknown_node": "a name defined elsewhere",
    "island_pin_beyond": "a sum over islands",
    "job_accelerator_too_small": "a product against a product",
    "job_accelerator_unknown": "a name defined elsewhere",
    "job_names_equal": "uniqueness of one member",
    "jobs_total": "a sum over jobs",
    "memory": "a sum over a program",
    "mesh_accelerator_of_other_island": "a name defined elsewhere",
    "mesh_name_unknown": "a name defined elsewhere",
    "mesh_too_large": "a product against a product",
    "fused_on_two_meshes": "a property of the program",
    "mixture_capacity_beyond_tokens": "one number against another",
    "mixture_not_divisible": "divisibility",
    "placer_plugin_missing": "which files exist",
    "nodes_network_unknown": "which files exist",
    "nodes_nics_do_not_divide": "divisibility",
    "pipeline_file_deadlock": "what a file says",
    "pipeline_file_forgets": "what a file says",
    "pipeline_file_missing": "which files exist",
    "pipeline_interleaved_uneven": "divisibility",
    "pipeline_kept_more": "one quantity against another",
    "pipeline_model_layers": "divisibility",
    "pipeline_limit_too_low": "a property of the schedule",
    "plugin_missing": "which files exist",
    "profile_unknown": "which files exist",
    "span_zero_forward": "the value of a string",
    "spans_wrong_count": "the length of one list against another number",
    "stop_at_once": "one span against another",
    "stop_before_start": "one span against another",
    "torus_product": "a product",
    "until_result_of_many": "a name defined elsewhere",
    "until_unknown_result": "a name defined elsewhere",
    "until_without_values": "names defined elsewhere",
    "values_uniform_backwards": "one number against another",
    "values_unknown_result": "a name defined elsewhere",
    "wrap_length": "the length of one list against another",
    "transformer_activations_too_few": "what the schedule needs",
    "transformer_sequence_parallel_long": "divisibility",
    "transformer_deep": "one number against others",
    "transformer_batch": "divisibility",
    "transformer_encoder_alone": "a sum of what is there",
    "transformer_encoder_stages": "divisibility",
    "transformer_heads": "divisibility",
    "transformer_islands_batch": "divisibility",
    "transformer_islands_zero": "one number against another",
    "transformer_heads_wide": "a product",
    "transformer_huge": "a product",
    "transformer_light_alone": "one value against another",
    "transformer_light_layers": "divisibility",
    "transformer_microbatch": "divisibility",
    "transformer_slopes_thin": "one value against another",
    "transformer_stages": "divisibility",
    "transformer_tensor": "divisibility",
    "transformer_wide": "divisibility",
    "transformer_words": "divisibility",
}


def load_schema():
    schema = json.loads((ROOT / "configs/scenario.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def ask_schema(validator, path):
    """None when the schema accepts, else what it says."""
    found = jsonschema.exceptions.best_match(validator.iter_errors(json.loads(path.read_text())))
    return found.message if found is not None else None


def ask_program(gangway, path):
    """Exit code and standard error of `gangway check`."""
    done = subprocess.run([gangway, "check", str(path)], capture_output=True, text=True,
                          timeout=120, check=False)
    return done.returncode, done.stderr


def list_examples(folder):
    return [path for path in sorted(folder.glob("*.json")) if not path.name.endswith("schema.json")]


def check_good(validator, gangway, path):
    complaints = []
    message = ask_schema(validator, path)
    if message is not None:
        complaints.append(f"the schema refuses it: {message}")
    if gangway is not None:
        code, errors = ask_program(gangway, path)
        if code != 0:
            complaints.append(f"gangway check ends with {code}: {errors.strip()}")
    return complaints


def check_bad(validator, gangway, path):
    complaints = []
    is_c_only = path.stem in C_ONLY
    message = ask_schema(validator, path)
    if message is None and not is_c_only:
        complaints.append("the schema accepts it")
    if message is not None and is_c_only:
        complaints.append(f"the schema refuses it, although it is listed in C_ONLY: {message}")
    if gangway is not None:
        code, errors = ask_program(gangway, path)
        expected = json.loads(path.read_text())["//expect"]
        if code != 1:
            complaints.append(f"gangway check ends with {code}, expected 1: {errors.strip()}")
        if expected not in errors:
            complaints.append(f"gangway check says {errors.strip()!r}, expected {expected!r}")
    return complaints


# What a change may put somewhere, and the keys that it may add.
VALUES = [
    None, True, False, 0, 1, 2, -1, 1.5, 4.0, 1e3, 1e30, 65537, "", "a", "a b", "fifo", "none",
    "random", "a100", {"name": "random", "seed": 2}, {"name": "pack", "seed": 2},
    "1ms", "0ms", "1 ms", "1.ms", ".5ms", "1e3us", "+1ms", "01ms", "1MiB", "4B", "1KB", "1kB",
    "12GB/s", "1GiBps", "1Mb/s", "8b/s", "3W", "chain", "mlp", "graph", "fused", "x" * 65,
    [], [1], [2, 2], [4], ["1ms"], [True], {}, {"island": 0}, {"devices": [0, 1]},
    {"island": 0, "hosts": [1]}, {"at": "9s", "remove": {"island": 0}},
    "parallel", {"name": "sequential"}, {"name": "parallel", "seed": 2},
]
KEYS = [
    "start", "start_ns", "stop", "stop_ns", "accelerator", "name", "x", "//",
    "$comment a", "$schema", "count", "length", "length_ns",
    "duration", "duration_ns", "bytes", "flops", "layers", "hidden", "depth", "mesh",
    "devices", "torus", "wrap", "latency_ns", "policy", "forward_ns", "weight_ns", "transfer",
    "placement", "at_ns", "remove", "client", "lease", "lease_ns", "once", "axes", "root", "shift",
    "sharded", "inputs", "independent", "meshes", "dispatch", "chunks", "activations_max",
    "weight_activation_bytes",
    "network", "nics_per_host", "nic_latency_ns", "oversubscription", "interconnect",
]


def list_places(value, place=()):
    """The place of every value in a document, as a tuple of keys and indexes."""
    children = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else ()
    return [place] + [inner for key, child in children
                      for inner in list_places(child, place + (key,))]


def find(value, place):
    for step in place:
        value = value[step]
    return value


COMMENT = "// a comment may be as long as its writer likes, longer than any name of a mesh or a job"


def make_configs(folder):
    """A folder of configs with what the examples name, for more scenarios beside it."""
    inside = pathlib.Path(folder) / "a/b/configs"
    inside.mkdir(parents=True)
    (pathlib.Path(folder) / "traces").symlink_to(ROOT / "traces")  # "../../../traces", as they say.
    for source in [*(ROOT / "configs" / kind for kind in ("accelerators", "networks", "profiles")),
                   *GOOD[0].glob("*.csv")]:
        (inside / source.name).symlink_to(source)
    return inside


def check_commented(validator, gangway, path):
    """With a comment in every object it is as good as without."""
    document = json.loads(path.read_text())
    for place in list_places(document):
        if isinstance(find(document, place), dict):
            find(document, place)[COMMENT] = 1
    with tempfile.TemporaryDirectory() as folder:
        commented = make_configs(folder) / path.name
        commented.write_text(json.dumps(document))
        return [f"with comments: {text}" for text in check_good(validator, gangway, commented)]


def mutate(document, stream):
    document = copy.deepcopy(document)
    for _ in range(stream.choice([1, 1, 2])):
        place = stream.choice(list_places(document))
        value = find(document, place)
        choice = stream.random()
        if isinstance(value, dict) and choice < 0.5:
            value[stream.choice(KEYS)] = copy.deepcopy(stream.choice(VALUES))
        elif place and choice < 0.65:
            del find(document, place[:-1])[place[-1]]
        elif place:
            find(document, place[:-1])[place[-1]] = copy.deepcopy(stream.choice(VALUES))
    return document


def check_mutations(validator, gangway, options):
    """What the program accepts and the schema refuses."""
    stream = random.Random(options.seed)
    good = [json.loads(path.read_text()) for path in list_examples(GOOD[0])]
    complaints = []
    with tempfile.TemporaryDirectory() as folder:
        path = make_configs(folder) / "mutation.json"
        for number in range(options.mutations):
            document = mutate(stream.choice(good), stream)
            path.write_text(json.dumps(document))
            message = ask_schema(validator, path)
            code, errors = ask_program(gangway, path)
            if message is not None and code == 0:
                complaints.append(f"number {number}: only the schema refuses it: {message}: "
                                  f"{json.dumps(document)}")
            if code not in (0, 1):
                complaints.append(f"number {number}: gangway check ends with {code}: {errors}: "
                                  f"{json.dumps(document)}")
    return complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gangway", help="the program; without it only the schema is asked")
    parser.add_argument("--mutations", type=int, default=300, help="how many (default 300)")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations (default 1)")
    options = parser.parse_args()
    validator = load_schema()
    good = [path for folder in GOOD for path in list_examples(folder)]
    bad = list_examples(BAD)
    results = [(path, check_good(validator, options.gangway, path)) for path in good]
    results += [(path, check_good(validator, None, path)) for path in WITH_PLUGIN]
    results += [(path, check_commented(validator, options.gangway, path))
                for path in list_examples(GOOD[0])]
    results += [(path, check_bad(validator, options.gangway, path)) for path in bad]
    stale = set(C_ONLY) - {path.stem for path in bad}
    complaints = [(path.relative_to(ROOT), text) for path, texts in results for text in texts]
    complaints += [("C_ONLY", f"names {name}, which is no example") for name in sorted(stale)]
    if options.gangway is not None:
        complaints += [(f"mutations of seed {options.seed}", text)
                       for text in check_mutations(validator, options.gangway, options)]
    for path, text in complaints:
        print(f"{path}: {text}")
    mutations = options.mutations if options.gangway is not None else 0
    print(f"{len(good)} good and {len(bad)} bad examples, {mutations} mutations, "
          f"{len(complaints)} complaints")
    return 0 if good and bad and not complaints else 1


if __name__ == "__main__":
    sys.exit(main())
