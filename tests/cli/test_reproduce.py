#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""gangway reproduce: figures and claims of a paper, and answers to those who ask wrongly."""
import csv
import json
import re
import shutil
import subprocess

import program

PAPER = program.CONFIGS / "reproduce" / "pathways.json"
KEYS = ["source", "item", "published", "ours", "error", "tolerance", "holds"]
FIGURES = ["5", "6", "7", "8", "9", "11", "12", "table1", "table2", "dcn"]
SOURCES = {"5", "6", "7", "8", "9", "11", "12", "1", "2"}  # Table 1, Table 2, section 7.

# What does not come out, and why: docs/FIGURES.md.
MISSED = {"Phases of parallel dispatch", "T5-Large: tokens/s under JAX",
          "T5-3B: tokens/s under JAX", "T5-11B: tokens/s under JAX"}

# Of other papers: how many claims there are, and which do not come out.
OTHERS = {
    "megatron": (14, set()),
    "gshard": (4, set()),
}


class Claims(program.Case):
    def test_one_figure_end_to_end(self):
        done = self.accept("reproduce", "pathways", "--figure", "9", "--out", self.out)
        self.assertIn("8 of 8 claims hold\n", done.stdout)
        self.assertIn("Barham et al. 2022, Fig. 9\n", done.stdout)
        names = {path.name for path in self.out.iterdir()}
        self.assertEqual(names, {"runs", "claims.csv", "claims.json", "pathways_fig9.csv",
                                 "pathways_fig9_marks.csv", "pathways_fig9_published.csv",
                                 "pathways_fig9.svg", "pathways_fig9.pdf", "pathways_fig9.png"})
        rows = json.loads((self.out / "claims.json").read_text())
        self.assertTrue(all(list(row) == KEYS for row in rows))
        with open(self.out / "claims.csv", encoding="utf-8") as file:
            table = list(csv.DictReader(file))
        self.assertEqual([row["item"] for row in table], [row["item"] for row in rows])
        with open(self.out / "pathways_fig9.csv", encoding="utf-8") as file:
            data = list(csv.DictReader(file))
        self.assertEqual([row["weights"] for row in data], ["1.0", "2.0"])
        self.assertAlmostEqual(sum(float(data[1][name]) for name in "ABCD"), 1, delta=0.01)

    def test_same_bytes_again_and_from_what_was_kept(self):
        answers = [self.accept("reproduce", "--figure", "9", "--json").stdout]
        for number in (1, 2):
            done = self.accept("reproduce", "--figure", "9", "--json", "--out", self.out)
            answers.append(done.stdout)
            kept = {path.name: path.stat().st_mtime_ns for path in (self.out / "runs").iterdir()}
            if number == 1:
                first, names = kept, {"pathways_fig9.csv", "pathways_fig9.svg", "claims.json"}
                files = {name: (self.out / name).read_bytes() for name in names}
        self.assertEqual(len(set(answers)), 1)
        self.assertEqual(first, kept)
        self.assertEqual(files, {name: (self.out / name).read_bytes() for name in names})

    def test_every_claim(self):
        if program.is_sanitized():
            self.skipTest("takes minutes with sanitizers")
        done = self.run_program("reproduce", "--json")
        rows = json.loads(done.stdout)
        self.assertEqual({row["source"].split()[-1] for row in rows}, SOURCES)
        self.assertEqual({row["item"] for row in rows if not row["holds"]}, MISSED)
        self.assertEqual(done.returncode, 4 if MISSED else 0)
        self.assertIn(f"pathways: {len(MISSED)} of {len(rows)} claims missed", done.stderr)

    def test_claims_of_other_papers(self):
        if program.is_sanitized():
            self.skipTest("takes minutes with sanitizers")
        for paper, (count, missed) in OTHERS.items():
            done = self.run_program("reproduce", paper, "--json")
            rows = json.loads(done.stdout)
            self.assertEqual(len(rows), count)
            self.assertEqual({row["item"] for row in rows if not row["holds"]}, missed)
            self.assertEqual(done.returncode, 4 if missed else 0)

    def test_list(self):
        done = self.accept("reproduce", "--list")
        self.assertIn("pathways: Barham et al., Pathways", done.stdout)
        for figure in FIGURES:
            self.assertRegex(done.stdout, rf"\n  figure {figure} +\w")


class Figures(program.Case):
    """All that was run is drawn, under its own name."""

    def draw(self, paper, figure):
        """Of values that nobody ran; the texts in it."""
        if shutil.which("gnuplot") is None:
            self.skipTest("no gnuplot")
        given = json.loads((program.CONFIGS / "reproduce" / f"{paper}.json").read_text())
        found = next(each for each in given["figures"] if each["name"] == figure)
        curves = [curve["name"] for curve in found["curves"]]
        places = [point["x"] for point in found.get("points", found["curves"][0].get("points"))]
        published = [(curves.index(each["curve"]) + 1, each["x"], each["y"])
                     for each in found["published"]]
        subject = f"{paper}_{figure}"
        for name, rows in (("", [["x", *curves], *([x, *[100] * len(curves)] for x in places)]),
                           ("_published", [["curve", "x", "y"], *published])):
            self.write(f"{subject}{name}.csv",
                       "".join(",".join(map(str, row)) + "\n" for row in rows))
        self.accept("plot", self.folder, "--figure", subject)
        drawn = (self.folder / f"{subject}.svg").read_text()
        return curves, places, re.findall(r"<text>\s*([^<]*?)\s*</text>", drawn)

    def test_every_model_has_its_bar(self):
        _, places, texts = self.draw("megatron", "table1")
        self.assertEqual(len(places), 10)
        self.assertEqual([text for text in texts if text in {f"{x:g}" for x in places}],
                         [f"{x:g}" for x in places])

    def test_every_curve_has_its_line(self):
        curves, _, texts = self.draw("gshard", "rate")
        for curve in curves:
            self.assertIn(curve, texts)
            self.assertIn(f"{curve}, printed", texts)


class Mistakes(program.Case):
    def copy_paper(self, change):
        shutil.copytree(PAPER.parent / "pathways", self.folder / "pathways")
        paper = json.loads(PAPER.read_text())
        paper["figures"] = [figure for figure in paper["figures"] if figure["name"] == "9"]
        change(paper["figures"][0])
        return self.write("mine.json", paper)

    def refuse(self, code, piece, *arguments):
        done = self.run_program("reproduce", *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(piece, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_usage(self):
        self.refuse(2, 'did you mean "pathways"?', "pathway")
        self.refuse(2, f"expected some of: {', '.join(FIGURES)}", "--figure", "10")
        self.refuse(2, "expected some of", "--figure", "5,,7")
        self.refuse(2, "expected some of", "--figure", "")
        self.refuse(2, "expected at most one paper", "pathways", "megatron")
        self.refuse(2, "--jobs", "--jobs", "-1")
        self.refuse(2, "--fresh needs --out", "--fresh")
        for other in (["pathways"], ["--json"], ["--figure", "5"], ["--out", str(self.out)]):
            self.refuse(2, "--list", "--list", *other)
        self.refuse(2, "--outt", "--outt", "x")
        self.refuse(1, "no/such.json", "no/such.json")

    def test_out_that_cannot_be_written(self):
        taken = self.write("taken", "")
        self.refuse(5, "taken", "--figure", "9", "--out", taken)
        self.refuse(5, "taken", "--figure", "9", "--out", taken / "below")

    def test_a_claim_that_is_missed(self):
        path = self.copy_paper(lambda figure: figure["claims"][0].update(published=0.5))
        done = self.run_program("reproduce", path, "--json")
        self.assertEqual(done.returncode, 4)
        self.assertIn("1 of 8 claims missed", done.stderr)
        self.assertEqual([row["holds"] for row in json.loads(done.stdout)], [False] + [True] * 7)
        done = self.run_program("reproduce", path, "--out", self.out)
        self.assertEqual(done.returncode, 4)
        self.assertRegex(done.stdout, r"A of 1:1:1:1 +0\.5 +0\.25\d* +-24\.\d % +1\.0 %  NO\n")
        self.assertTrue((self.out / "pathways_fig9.png").exists())
        both = subprocess.run([program.GANGWAY, "reproduce", str(path), "--out", str(self.out)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.STDOUT, text=True, timeout=program.TIMEOUT_S)
        self.assertEqual(both.stdout, done.stdout + done.stderr)

    def test_a_paper_with_mistakes(self):
        path = self.copy_paper(lambda figure: figure["claims"][0].update(kind="valeu"))
        self.refuse(1, "mine.json:", path)
        shutil.rmtree(self.folder / "pathways")
        path = self.copy_paper(lambda figure: figure["curves"][0].update(scenario="none.json"))
        self.refuse(1, "figure 9, A at 1: ", path)
        shutil.rmtree(self.folder / "pathways")
        path = self.copy_paper(lambda figure: figure["curves"][1]["points"][1].update(
            measure="jobs.1.speed"))
        self.refuse(1, 'figure 9, B at 2: found the measure "jobs.1.speed"', path)


if __name__ == "__main__":
    program.main()
