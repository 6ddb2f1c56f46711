"""``hesuan plan``: what an engineer reads, on a bare installation, in both languages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from hesuan.cli.exits import Exit
from hesuan.cli.main import main
from hesuan.cli.planning.runs import forecast_file

ROOT = Path(__file__).resolve().parents[2]
DENSE = ROOT / "examples" / "llama-3-70b-hgx-h100.toml"
SUPERNODE = ROOT / "examples" / "deepseek-v3-cloudmatrix384.toml"
TRAININGS = sorted(set((ROOT / "examples").glob("*.toml")) - set((ROOT / "examples").glob("*-serving-*")))
ROWS = ROOT / "tests" / "planner" / "rows" / "runs.csv"

SMALL = """\
[model]
name = "llama-3-8b"
[cluster]
name = "hgx-h100"
cards = 16
price_yuan_per_card_hour = "14.00"
[training]
seq = 8192
global_batch = 64
tokens = 1e12
"""
SERVING = (
    "id,source,model,chip,n_chips,scale_up_domain,interconnect,engine,phase,precision,isl,osl_or_kv,batch,TP,PP,"
    "DP_attention,moe_TP,EP,prefill_layout,decode_layout,reported_metric,value,ttft_ms,tpot_ms\n"
    "cm384-0002,CloudMatrix384 (arXiv 2506.12708),DeepSeek-R1 671B,Ascend 910C,16,384,UB 392 GB/s per NPU,"
    "CloudMatrix-Infer,prefill,int8,4096,,16384,,,,,32,,,tokens_per_s_per_chip,6688,,\n"
)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(SMALL)
    return path


def said(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> str:
    assert main(["plan", *map(str, words)]) == code
    told = capsys.readouterr()
    return told.out if code == 0 else told.err


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    return json.loads(said(capsys, *words, "--json"))


def test_a_forecast_tells_time_memory_money_failures_and_what_is_assumed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = said(capsys, "forecast", DENSE)
    for word in ("step time", "MFU", "share of achievable peak", "pipeline bubble", "activations"):
        assert word in told, word
    for word in (
        "goodput",
        "checkpoint every",
        "spare cards",
        "money",
        "kWh",
        "Only assumed",
        "80 % interval",
    ):
        assert word in told, word
    assert "¥" in told and "estimated" in told and "docs/model/training.md" in told
    assert "█" in told


@pytest.mark.parametrize("path", TRAININGS, ids=lambda path: path.stem)
def test_the_plan_of_every_example_fits(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "step time" in said(capsys, "forecast", path)


def test_time_money_and_energy_of_the_run_have_an_interval(capsys: pytest.CaptureFixture[str]) -> None:
    """Wider than the step's own by what failures add, each from its low end to its high end."""
    told = said(capsys, "forecast", DENSE)
    for name in ("wall time", "money", "useful tokens per yuan", "energy"):
        line = next(line for line in told.splitlines() if line.startswith(f"  {name} "))
        figure, low, high = (float(n.replace(",", "")) for n in re.findall(r"[0-9][0-9,.]*", line)[:3])
        assert low < figure < high, line
    forecast = forecast_file(DENSE)
    quick, slow = forecast.run_factors
    assert quick < forecast.low_s / forecast.step_s < 1 < forecast.high_s / forecast.step_s < slow


def test_a_search_is_ended_by_ctrl_c_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hesuan.cli.planning.searching.search", interrupted)
    assert main(["plan", "search", str(DENSE)]) == 130
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "")


def test_a_forecast_speaks_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "forecast", DENSE, "--lang", "zh")
    for word in ("单步耗时", "80% 区间", "流水线气泡", "激活值", "有效训练时间占比", "仅为假定"):
        assert word in told, word


def test_the_parts_of_a_forecast_sum_to_its_step(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "forecast", DENSE)
    assert sum(found["parts"].values()) == pytest.approx(found["step_s"])
    assert found["low_s"] < found["step_s"] < found["high_s"]
    assert found["assumed"][0].keys() == {"value", "unit", "kind", "source", "low", "high"}


def test_a_forecast_without_a_plan_names_the_search(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "hesuan plan search" in said(capsys, "forecast", small, code=Exit.FAULTY)


def test_faults_of_a_plan_are_told_at_the_files_lines(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small.write_text(SMALL + "[plan]\ntp = 3\ndp = 5\n")
    told = said(capsys, "forecast", small, code=Exit.FAULTY)
    assert (
        f"{small}:12: `tp` is 3; model.heads = 32 is not divisible by it. The nearest that divides is" in told
    )
    assert "[planner.not_divisible]" in told and told.count("\n") >= 2


def test_memory_exceeded_is_refused_with_both_numbers(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small.write_text(SMALL + "[plan]\nmicro_batch = 4\nzero = 0\n")
    told = said(capsys, "forecast", small, code=Exit.REFUSED)
    assert told.count("GiB") >= 2 and "[plan.memory_exceeded]" in told


def test_a_search_tells_the_best_the_losers_and_what_binds(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, "search", small, "--top", 3)
    for word in ("legal plans", "fastest", "cheapest", "Why the others lost", "Never legal", "What binds"):
        assert word in told, word
    assert re.search(r"^ +3  [\d.]+ m?s ", told, re.M) and not re.search(r"^ +4  [\d.]+ m?s ", told, re.M)


def test_a_search_as_json_ends_with_its_frontier_in_order_of_time(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(capsys, "search", small)
    times = [one["work_s"] for one in found["frontier"]]
    assert times == sorted(times) and found["best"]["time"]["work_s"] == times[0]


def test_what_the_search_found_best_is_what_a_forecast_says_of_it(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = answer(capsys, "search", small)["best"]["time"]
    lines = [
        f"{key} = {json.dumps(value)}"
        for key, value in best["plan"].items()
        if value is not None and key != "cards"
    ]
    small.write_text(SMALL + "[plan]\n" + "\n".join(lines) + "\n")
    assert answer(capsys, "forecast", small)["step_s"] == pytest.approx(best["step_s"])


def test_offers_are_compared_each_at_its_own_best_plan(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(capsys, "compare", small, "--on", "hgx-h100,cloudmatrix384:32@7.00,hgx-a100:16@6.00")
    worth = [one["tokens_per_yuan"] for one in found["offers"]]
    assert worth == sorted(worth, reverse=True) and len(worth) == 3
    told = said(capsys, "compare", small, "--on", "hgx-h100,hgx-a100:16")
    assert "no price is known" in told and "●" in told


def test_an_offer_may_be_a_file(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "offer.toml"
    other.write_text('[cluster]\nname = "hgx-h800"\ncards = 16\nprice_yuan_per_card_hour = "11.00"\n')
    assert "hgx-h800" in said(capsys, "compare", small, "--on", other)


def test_faulty_offers_are_told_together(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "compare", small, "--on", "hgx-h10,hgx-h100:x,hgx-h100@1.2.3", code=Exit.FAULTY)
    assert told.count("\n") == 3
    for code in ("planner.unknown_name", "plan.not_an_offer", "money.not_an_amount"):
        assert code in told


def test_a_backtest_knows_trainings_and_servings_by_their_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "3 rows, 3 scored" in said(capsys, "backtest", "--rows", ROWS)
    assert answer(capsys, "backtest", "--rows", ROWS)["rows"] == 3
    servings = tmp_path / "servings.csv"
    servings.write_text(SERVING)
    assert "1 serving rows, 0 of them not forecast" in said(capsys, "backtest", "--rows", servings)


LATIN = re.compile(r"[A-Za-z][a-z]{2,} [a-z]{2,}")


@pytest.mark.parametrize("rows", ["trainings", "servings"])
def test_a_backtest_speaks_chinese_from_head_to_reason(
    rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, first, *_ = ROWS.read_text().splitlines()
    broken = first.replace("sc21-001", "broken").replace("tflops_per_chip,137", "mood,good")
    table = tmp_path / "rows.csv"
    table.write_text(SERVING if rows == "servings" else "\n".join([head, first, broken]) + "\n")
    told = said(capsys, "backtest", "--rows", table, "--lang", "zh")
    data = [cell for line in told.splitlines() for cell in line.split("|") if " heads) on " not in cell]
    assert "偏差" in told and [cell for cell in data if LATIN.search(cell)] == []
    assert rows == "servings" or "指标“mood”不在" in told
    english = said(capsys, "backtest", "--rows", table, "--lang", "en")
    assert LATIN.search(english) and "偏差" not in english


def test_a_reason_of_the_input_reads_in_chinese_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, first, *_ = ROWS.read_text().splitlines()
    table = tmp_path / "rows.csv"
    faulty = first.replace("sc21-001", "faulty").replace("tflops_per_chip,137", "tflops_per_chip,none")
    table.write_text("\n".join([head, first, faulty]) + "\n")
    assert "faulty: 数值“none”不是大于 0 的数" in said(capsys, "fit", table, "--lang", "zh")


def test_rows_of_unknown_chips_and_models_are_counted_and_none_crashes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, first, *_ = ROWS.read_text().splitlines()
    strange = first.replace("A100-80GB-SXM", "Zeta-9000").replace("GPT-1.7B", "Quux-1.7B")
    broken = first.replace("sc21-001", "broken").replace("tflops_per_chip,137", "mood,good")
    table = tmp_path / "rows.csv"
    table.write_text("\n".join([head, first, strange, broken, "only,two"]) + "\n")
    told = said(capsys, "backtest", "--rows", table)
    assert told.startswith("## Step time\n\n4 rows,") and "could not be forecast" in told


def test_a_run_out_of_memory_under_an_unknown_plan_is_counted_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, first, *_ = ROWS.read_text().splitlines()
    lost = first.replace("sc21-001", "lost").replace(",32,8,1,1,1,32,1,1,", ",32,8,,,,,,,")
    lost = lost.replace("tflops_per_chip,137", "oom,")
    table = tmp_path / "rows.csv"
    table.write_text("\n".join([head, first, lost]) + "\n")
    assert "\n2 rows," in said(capsys, "backtest", "--rows", table)


def test_a_table_with_neither_columns_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("a,b\n1,2\n")
    assert "plan.rows_unknown" in said(capsys, "backtest", "--rows", table, code=Exit.FAULTY)
    assert "plan.rows_unreadable" in said(capsys, "fit", tmp_path / "absent.csv", code=Exit.FAULTY)


def test_a_backtest_without_rows_names_where_to_put_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HESUAN_MEASUREMENTS", raising=False)
    assert "plan.no_rows" in said(capsys, "backtest", code=Exit.FAULTY)
    (tmp_path / "training.csv").write_text(ROWS.read_text())
    monkeypatch.setenv("HESUAN_MEASUREMENTS", str(tmp_path))
    assert "3 rows, 3 scored" in said(capsys, "backtest")


def test_a_fit_brings_the_runs_closer_and_shows_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "fit", ROWS)
    before = [abs(one["predicted_s"] / one["observed_s"] - 1) for one in found["runs"]]
    after = [abs(one["calibrated_s"] / one["observed_s"] - 1) for one in found["runs"]]
    assert sum(after) < sum(before)
    assert all(one["low_s"] < one["calibrated_s"] < one["high_s"] for one in found["runs"])
    told = said(capsys, "fit", ROWS, "--lang", "zh")
    assert "残差" in told and "整个单步" in told and "五次运行胜过 3 次" in told


@pytest.mark.parametrize(
    "words",
    [
        ["forecast", DENSE],
        ["search", "SMALL"],
        ["compare", "SMALL", "--on", "hgx-h100,hgx-a100:16"],
        ["fit", ROWS],
        ["backtest", "--rows", ROWS],
    ],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_verb_draws_a_picture_whose_text_is_inside(
    words: list[Any], language: str, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "picture.svg"
    said(capsys, *(small if word == "SMALL" else word for word in words), "--plot", path, "--lang", language)
    root = ET.parse(path).getroot()
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
    assert texts
    for text in texts:
        assert 0 <= float(text.attrib["x"]) <= width and 0 < float(text.attrib["y"]) <= height, text.text
    for rect in root.iter("{http://www.w3.org/2000/svg}rect"):
        if "x" in rect.attrib:
            assert float(rect.attrib["x"]) + float(rect.attrib["width"]) <= width + 0.1


def test_a_picture_of_another_format_is_refused_before_any_work(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, "search", small, "--plot", "x.pdf", code=Exit.FAULTY)
    assert "plan.picture_format" in told


def test_a_picture_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, "forecast", DENSE, "--plot", tmp_path / "no" / "x.svg", code=Exit.FAULTY)
    assert "plan.unwritable" in told


BARE = """
import sys
blocked = ("click", "rich", "django", "httpx", "PIL", "ninja", "yaml", "scipy", "pandas", "matplotlib")
class Absent:
    def find_spec(self, name, *args):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from hesuan.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def bare(*words: object) -> subprocess.CompletedProcess[str]:
    script = [sys.executable, "-c", BARE, "plan", *map(str, words)]
    return subprocess.run(script, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize(
    "words",
    [("forecast", DENSE), ("fit", ROWS), ("backtest", "--rows", ROWS)],
    ids=lambda words: words[0],
)
def test_a_verb_runs_on_a_bare_installation(words: tuple[object, ...], tmp_path: Path) -> None:
    done = bare(*words, "--plot", tmp_path / "p.svg")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p.svg").stat().st_size > 1000


def test_search_and_compare_run_on_a_bare_installation(small: Path) -> None:
    assert bare("search", small).returncode == 0
    assert bare("compare", small, "--on", "hgx-h100").returncode == 0


def test_a_png_without_pillow_names_the_pip_command_and_the_svg(tmp_path: Path) -> None:
    done = bare("forecast", DENSE, "--plot", tmp_path / "p.png")
    assert done.returncode == Exit.FAULTY
    assert "pip install 'hesuan[plot]'" in done.stderr and "p.svg" in done.stderr


def test_a_forecast_end_to_end_takes_less_than_two_seconds_of_processor_time() -> None:
    """The order asks for half a second; the bench measures that, this only notices a heavy import."""
    before = time.process_time()
    done = subprocess.run(
        [sys.executable, "-c", "import time;s=time.process_time();import sys;sys.argv[0]='hesuan';"
         "from hesuan.cli.main import main;main(['plan','forecast',sys.argv[1]]);"
         "print(time.process_time()-s,file=sys.stderr)", str(DENSE)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert time.process_time() - before < 5
    assert float(done.stderr.strip().splitlines()[-1]) < 2.0


def test_three_lines_to_a_forecast_that_shows_itself_in_a_notebook() -> None:
    from hesuan.planner import Plan, Training, cluster, model, predict

    training = Training(seq=8192, global_batch=512)
    found = predict(model("llama-3-70b"), cluster("hgx-h100", 1024), training, Plan(tp=4, pp=4, dp=64))
    html = found._repr_html_()
    assert html.startswith("<div") and "llama-3-70b" in html and "MFU" in html


def test_the_planners_door_has_the_search_too() -> None:
    import hesuan.planner

    for name in ("search", "compare", "Limits", "SearchResult"):
        assert getattr(hesuan.planner, name) is not None
    with pytest.raises(AttributeError):
        getattr(hesuan.planner, "nothing")  # noqa: B009
