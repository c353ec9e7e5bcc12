"""Writes the tables of docs/bench.md and docs/bench.png from the reports of `osteomill bench cuts`.

    bash tests/long.sh            # leaves target/long/bench/*/bench.json
    python3 benches/cuts.py docs target/long/bench/*/bench.json

What stands in docs/bench.md between the lines `<!-- tables -->` and `<!-- end of tables -->` is replaced.
"""

import collections
import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

CLASSES = [("≤ 30", 1, 30), ("30–80", 30.001, 80), ("80–150", 80.001, 150), ("all", 1, 150)]
METHODS = {
    "osteomill": "osteomill",
    "mirror": "mirror alone",
    "thin_plate": "thin plate alone",
    "constant_thickness": "constant thickness",
    "oracle": "oracle",
}


def mean(rows, key):
    values = [r[key] for r in rows if r[key] is not None]
    return sum(values) / len(values) if values else float("nan")


def median(rows, key):
    values = sorted(r[key] for r in rows if r[key] is not None)
    return values[len(values) // 2] if values else float("nan")


def cuts(rows, method, low=1, high=150):
    return [r for r in rows if r["site"] != "intact" and r["method"] == method and low <= r["area_cm2"] <= high]


def head(first):
    names = first + ["n", "found", "Dice mean / median / worst", "border Dice", "HD95 mm mean / median / worst"]
    names += ["outer mean, RMS, P95 mm", "inner mean mm", "rim step mean / P95 mm", "normal P95 °", "in 90 %"]
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(first) + "--:|" * (len(names) - len(first))]


def line(first, rows):
    dice = sorted(r["dice"] for r in rows)
    far = [r["hd95_mm"] for r in rows if r["hd95_mm"] is not None] or [float("nan")]
    cells = first + [
        str(len(rows)),
        str(sum(r["found"] for r in rows)),
        f"{mean(rows, 'dice'):.3f} / {median(rows, 'dice'):.3f} / {dice[0]:.3f}",
        f"{mean(rows, 'bdice'):.3f}",
        f"{mean(rows, 'hd95_mm'):.2f} / {median(rows, 'hd95_mm'):.2f} / {max(far):.2f}",
        f"{mean(rows, 'outer_mean_mm'):.2f}, {mean(rows, 'outer_rms_mm'):.2f}, {mean(rows, 'outer_p95_mm'):.2f}",
        f"{mean(rows, 'inner_mean_mm'):.2f}",
        f"{mean(rows, 'rim_step_mean_mm'):.2f} / {mean(rows, 'rim_step_p95_mm'):.2f}",
        f"{mean(rows, 'rim_normal_p95_deg'):.1f}",
        f"{mean(rows, 'interval90_share'):.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


def classes(title, rows):
    out = [f"### {title}", "", *head(["cm²", "method"])]
    for name, low, high in CLASSES:
        for method, said in METHODS.items():
            of = cuts(rows, method, low, high)
            if of:
                out.append(line([name, said], of))
    return out + [""]


def by(title, key, rows):
    out = [f"### {title}", "", *head([key, "cm²"])]
    for value in sorted({r[key] for r in rows if r["site"] != "intact"}):
        for name, low, high in CLASSES:
            of = [r for r in cuts(rows, "osteomill", low, high) if r[key] == value]
            if of:
                out.append(line([value, name], of))
    return out + [""]


def main():
    folder = pathlib.Path(sys.argv[1])
    rows, skipped = [], collections.Counter()
    names = {}
    for path in sys.argv[2:]:
        report = json.loads(pathlib.Path(path).read_text())
        folder_name = pathlib.Path(path).parent.name.rsplit("-", 1)[0]
        for r in report["rows"]:
            names.setdefault(r["skull"], folder_name)
            r["skull"] = folder_name
            rows.append(r)
        skipped.update((folder_name, s["site"], s["reason"]) for s in report["skipped"])
    real = [r for r in rows if not r["phantom"]]
    phantoms = [r for r in rows if r["phantom"]]
    out = []
    for title, of in (("Real skulls", real), ("Phantoms", phantoms)):
        if of:
            out += classes(f"{title}, by size", of)
    out += by("Real skulls, osteomill, by skull", "skull", real)
    out += by("Real skulls, osteomill, by site", "site", real)
    out += by("Real skulls, osteomill, by wall", "wall", real)
    out += ["### Nothing cut, and what was not cut", "", "| skull | runs | defects found in the whole skull, each run |", "|---|--:|---|"]
    for skull in sorted({r["skull"] for r in rows}):
        whole = [r["false_defects"] for r in rows if r["skull"] == skull and r["site"] == "intact"]
        out.append(f"| {skull} | {len(whole)} | {', '.join(map(str, sorted(set(whole))))} |")
    false = sum(r["false_defects"] for r in cuts(rows, "osteomill"))
    made = len(cuts(rows, "osteomill"))
    out += ["", f"Beside the cut, {false} defects were found in {made} cut skulls. Cuts that could not be made:", ""]
    out += ["| skull | site | pairs of area and wall | why |", "|---|---|--:|---|"]
    for (skull, site, why), n in sorted(skipped.items()):
        out.append(f"| {skull} | {site} | {n} | {why} |")
    page = folder / "bench.md"
    text = page.read_text()
    begin, end = "<!-- tables -->", "<!-- end of tables -->"
    before, rest = text.split(begin)
    page.write_text(before + begin + "\n\n" + "\n".join(out) + "\n\n" + end + rest.split(end)[1])
    picture(folder / "bench.png", real)


def picture(path, rows):
    fig, axes = plt.subplots(1, 2, figsize=(11, 4.2))
    colours = {"osteomill": "#1565c0", "mirror": "#c62828", "thin_plate": "#f9a825", "oracle": "#9e9e9e"}
    for ax, key, name in ((axes[0], "dice", "Dice"), (axes[1], "outer_mean_mm", "outer table, mean error, mm")):
        for k, (method, colour) in enumerate(colours.items()):
            of = [r for r in cuts(rows, method) if r[key] is not None]
            ax.scatter([r["outer_cm2"] + 1.2 * k for r in of], [r[key] for r in of], s=9, c=colour, alpha=0.5, lw=0, label=METHODS[method])
            areas = sorted({r["area_cm2"] for r in of})
            ax.plot([a + 1.2 * k for a in areas], [mean([r for r in of if r["area_cm2"] == a], key) for a in areas], c=colour, lw=1.6)
        ax.set_xlabel("area cut, cm²")
        ax.set_ylabel(name)
        ax.grid(alpha=0.3)
    axes[0].legend(fontsize=8, loc="lower left")
    axes[1].set_ylim(0, None)
    fig.tight_layout()
    fig.savefig(path, dpi=110)


main()
