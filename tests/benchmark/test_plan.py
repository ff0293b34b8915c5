"""Plans: what the files mean, what narrows them, and one line for each mistake in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pd4ml
from helpers.plans import write_plan, write_recipe
from helpers.toy import Toy
from pd4ml.benchmark import Plan, available_plans, load_plan
from pd4ml.errors import Pd4mlError
from pd4ml.models.registry import model_class
from pd4ml.training import available_recipes

OWN = [d for d in pd4ml.Dataset.datasets_register if d.__module__.startswith("pd4ml.")]


def names(plan: Plan) -> list[str]:
    return [cell.name for cell in plan.cells]


def plan_of(tmp_path: Path, text: str) -> Plan:
    (tmp_path / "plan.toml").write_text(text)
    return load_plan(tmp_path / "plan.toml")


def test_the_plans_of_this_package() -> None:
    assert available_plans() == ("paper", "quick", "standard")


@pytest.mark.parametrize("name", ["quick", "standard", "paper"])
def test_presets_have_every_dataset_with_shared_and_reference_models(name: str) -> None:
    plan = load_plan(name)
    own = [dataset for dataset in OWN if name != "paper" or dataset.card.sources]
    assert set(plan.variants) & set(OWN) == set(own)
    known = set(available_recipes())
    for dataset in own:
        cells = [cell for cell in plan.cells if cell.dataset is dataset]
        recipes = {cell.recipe.name for cell in cells}
        assert recipes <= known
        of_nodes = dataset.task == "segmentation"
        shared = {"filter_net" if name == "quick" else "graph_net", *(() if of_nodes else ("fcn",))}
        assert shared <= {cell.recipe.model for cell in cells}
        assert not of_nodes or all(model_class(cell.recipe.model).has_nodes for cell in cells)
        assert dataset.reference is not None
        assert recipes & {dataset.reference, f"{dataset.reference}_quick"}
    assert plan.description


def test_what_was_never_published_is_in_no_plan_of_published_events(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text('source = "published"\ndatasets = ["Toy", "Belle"]\nseeds = [1]\nrecipes = ["fcn"]\n')
    with pytest.raises(Pd4mlError, match="no files of Toy were published: use source = 'generated'"):
        load_plan(file)
    file.write_text(file.read_text().replace('["Toy", "Belle"]', '"all"'))
    found = set(load_plan(file).variants)
    assert pd4ml.Belle in found
    assert Toy not in found


def test_presets_differ_in_their_events() -> None:
    quick, standard, paper = (load_plan(name) for name in ("quick", "standard", "paper"))
    assert (quick.source, standard.source, paper.source) == ("generated", "generated", "published")
    for dataset in OWN:
        assert quick.events[dataset.name] < standard.events[dataset.name]
        assert standard.events[dataset.name] < sum(dataset.card.splits.values()) or not dataset.card.sources
    assert not paper.events
    assert len({cell.seed for cell in quick.cells}) == 1
    assert len({cell.seed for cell in standard.cells}) == 3
    assert {cell.recipe.name for cell in paper.cells}.isdisjoint(n for n in available_recipes() if "quick" in n)


def test_a_plan_of_ones_own(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, "mine")
    plan = load_plan(write_plan(tmp_path, "fcn_quick", recipe, "reference", seeds=(3, 1)))
    assert names(plan) == [f"Toy {recipe} seed {seed}" for seed in (3, 1) for recipe in ("fcn_quick", "mine")]
    assert plan.events == {"Toy": 200}
    assert plan.source == "generated"


def test_recipes_by_task_and_references(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        'datasets = ["Airshower", "belle", "Toy"]\nseeds = [1]\nevents = 100\n'
        'recipes = { classification = ["reference", "fcn"], regression = ["reference_quick"] }',
    )
    assert names(plan) == [
        "Airshower lstm_residual_quick seed 1",
        "Belle belle_graph_net seed 1",
        "Belle fcn seed 1",
        "Toy fcn seed 1",
    ]
    assert plan.events == {"Airshower": 100, "Belle": 100, "Toy": 100}


def test_variants_of_generated_events(tmp_path: Path) -> None:
    text = 'datasets = ["Toy", "Belle"]\nseeds = [1]\nrecipes = ["fcn"]\nevents = 100\nvariants = { toy = "far" }'
    plan = plan_of(tmp_path, text)
    assert names(plan) == ["Toy far fcn seed 1", "Belle fcn seed 1"]
    assert {dataset.name: variant for dataset, variant in plan.variants.items()} == {
        "Toy": "far",
        "Belle": "default",
    }
    assert plan.cells[0].sample(tmp_path).variant == "far"


def test_parts_of_the_train_split_for_learning_curves(tmp_path: Path) -> None:
    text = (
        'datasets = ["Toy", "Belle"]\nseeds = [1]\nrecipes = ["fcn"]\nevents = 2000\n'
        "train_events = { default = [400, 100, 400], Belle = [1000] }"
    )
    plan = plan_of(tmp_path, text)
    assert names(plan) == [
        "Toy fcn 100 events seed 1",
        "Toy fcn 400 events seed 1",
        "Toy fcn seed 1",
        "Belle fcn 1,000 events seed 1",
        "Belle fcn seed 1",
    ]
    assert [cell.n_train for cell in plan.cells] == [100, 400, None, 1000, None]


def test_narrowed() -> None:
    plan = load_plan("quick", datasets=["top_tagging", "Airshower"], recipes=["reference_quick"], seeds=[4, 2])
    assert names(plan) == [
        f"{dataset} seed {seed}"
        for seed in (4, 2)
        for dataset in ("TopTagging particle_net_quick", "Airshower lstm_residual_quick")
    ]
    assert set(plan.events) == {"Airshower", "TopTagging"}
    by_itself = load_plan("quick", recipes=["particle_net_quick"])
    assert names(by_itself) == ["TopTagging particle_net_quick seed 1"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"datasets": ["Bele"]}, "plan quick: unknown dataset 'Bele'; did you mean 'Belle'"),
        ({"recipes": ["filternet_quick"]}, "unknown recipe 'filternet_quick'; did you mean 'filter_net_quick'"),
        ({"recipes": ["fcn"]}, "unknown recipe 'fcn'; did you mean 'fcn_quick'"),
        ({"seeds": [-1]}, "seeds must be a list of whole numbers from 0, found [-1]"),
        ({"datasets": ["Belle"], "recipes": ["eosl_cnn_quick"]}, "unknown recipe 'eosl_cnn_quick'"),
    ],
)
def test_narrowed_to_what_is_not_there(options: dict[str, Any], message: str) -> None:
    with pytest.raises(Pd4mlError) as error:
        load_plan("quick", **options)
    assert message in str(error.value)


def test_a_dataset_of_the_register_that_the_plan_leaves_out(tmp_path: Path) -> None:
    with pytest.raises(Pd4mlError, match=r"unknown dataset 'Belle' \(known: Toy\)"):
        load_plan(write_plan(tmp_path, "fcn"), datasets=["Belle"])


GOOD = {"datasets": '["Toy"]', "recipes": '["fcn"]', "seeds": "[1]", "events": "{ default = 200 }"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": '["Toy"]'}, "unknown key 'dataset'; did you mean 'datasets'"),
        ({"datasets": '["Tay"]'}, "unknown dataset 'Tay'; did you mean 'Toy'"),
        ({"datasets": '"Toy"'}, "datasets must be a list of names, found 'Toy'"),
        ({"recipes": '"fcn"'}, "recipes must be a list of names"),
        ({"recipes": "[]"}, "recipes must be a list of names"),
        ({"recipes": '["fnc"]'}, "unknown recipe 'fnc'; did you mean 'fcn'"),
        ({"recipes": '["no.toml"]'}, "no.toml cannot be read: No such file"),
        ({"recipes": '{ clasification = ["fcn"] }'}, "unknown task 'clasification'; did you mean"),
        ({"recipes": '{ regression = ["fcn"] }'}, "nothing is left to train"),
        ({"recipes": '["reference"]'}, "nothing is left to train"),
        ({"seeds": "1"}, "seeds must be a list of whole numbers from 0, found 1"),
        ({"seeds": "[true]"}, "seeds must be a list of whole numbers"),
        ({"seeds": ""}, "Invalid value"),
        ({"source": '"generate"'}, "unknown source 'generate'; did you mean 'generated'"),
        ({"source": '"published"', "datasets": '["Belle"]'}, "events are for generated datasets"),
        ({"events": "{ Toy = 0.5 }"}, "events.Toy must be a whole number of events, found 0.5"),
        ({"events": "{ Belle = 100 }"}, "events has neither Toy nor default"),
        ({"events": "{ Tay = 100 }"}, "unknown dataset 'Tay'; did you mean 'Toy'"),
        ({"train_events": "{ Toy = 100 }"}, "train_events.Toy must be a list of numbers of events, found 100"),
        ({"train_events": "[1]"}, "train_events.Toy must be a list of numbers of events, found [1]"),
        ({"train_events": "{ Tay = [100] }"}, "unknown dataset 'Tay'; did you mean 'Toy'"),
        ({"variants": '"far"'}, "variants must be a table, dataset = variant, found 'far'"),
        ({"variants": '{ Tay = "far" }'}, "unknown dataset 'Tay'; did you mean 'Toy'"),
        ({"variants": "{ Toy = [1] }"}, "unknown variant of Toy '[1]'"),
        ({"variants": '{ Toy = "fra" }'}, "unknown variant of Toy 'fra'; did you mean 'far'"),
        (
            {"source": '"published"', "datasets": '["Belle"]', "variants": '{ Belle = "default" }'},
            "variants are for generated datasets",
        ),
    ],
)
def test_mistakes_in_a_plan(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    text = "\n".join(f"{key} = {value}" for key, value in {**GOOD, **changes}.items())
    with pytest.raises(Pd4mlError) as error:
        plan_of(tmp_path, text)
    assert message in str(error.value)
    assert str(error.value).startswith(f"plan {tmp_path / 'plan.toml'}: ")
    assert "\n" not in str(error.value)


def test_missing_keys_and_files(tmp_path: Path) -> None:
    with pytest.raises(Pd4mlError, match="seeds is missing"):
        plan_of(tmp_path, 'recipes = ["fcn"]')
    with pytest.raises(Pd4mlError, match="cannot be read: No such file"):
        load_plan(tmp_path / "no.toml")
    (tmp_path / "latin.toml").write_bytes(b'description = "\xe9"')
    with pytest.raises(Pd4mlError, match="it is not text in UTF-8"):
        load_plan(tmp_path / "latin.toml")
    with pytest.raises(Pd4mlError, match="unknown plan 'quik'; did you mean 'quick'"):
        load_plan("quik")


def test_two_recipes_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    recipes = write_recipe(tmp_path, "mine"), "other/" + write_recipe(tmp_path / "other", "mine", depth=2)
    with pytest.raises(Pd4mlError, match="must have different names"):
        load_plan(write_plan(tmp_path, *recipes))
