"""Writes docs/recipes.md: each recipe, and which format has it, from the registry and what the exporters promise.

``make docs`` runs it; a test compares the page with the program.
"""

from __future__ import annotations

from pathlib import Path

from edge_opt import registry
from edge_opt.inputs.recipes import RECIPES, passes, says
from edge_opt.types import Recipe

PAGE = Path(__file__).with_name("recipes.md")
# How a format stores a recipe, where the name alone does not say it.
NOTES = """## How each format stores them

All artifacts take and give float32 at batch 1, in the layout of the model, whatever they compute in.

**TFLite**, by TensorFlow's converter from the SavedModel.
`dynamic_int8` keeps one scale a tensor for dense layers, as with one scale a channel they become an operator that
tflite-runtime 2.14 refuses; on the two networks this was measured with, neither latency nor agreement with the float
model got worse. Convolutions keep one scale a channel.
`weight_only_int8` is made from the float32 file by AI Edge Quantizer, as the converter quantizes activations
whenever it quantizes weights.
The static recipes allow no float operators: a network with one that has no integer kernel fails here, with its name.
The scores are 8-bit as well, in steps of 1/256: a network that is sure of nothing may answer with ties.

**ONNX**, by tf2onnx at opset 18, or from the ONNX file that was given; cleaned by ONNX Runtime. The input keeps its
layout.
`float16` and `weight_only_int8` store small weights and one `Cast` (and a `Mul` by the scale) for each, which
ONNX Runtime computes once, while loading: the latency is that of float32. Computing in float16 was 1.3 times
slower than float32 on x86, and weights behind a `DequantizeLinear` 4 times.
`dynamic_int8` has unsigned weights, 2 to 4 times faster than signed ones there.
The static recipes are QDQ; the final softmax stays float.
`static_int8` exists three times. `u8s8` has unsigned activations, and `s8s8` signed ones, which some other backends ask
for; on x86 ONNX Runtime turns the latter into the former while it loads them. Without VNNI instructions both may
saturate there: products are added in pairs in 16 bits. `u8s7` has 7-bit weights, which never do.
`static_int16x8` raises the file to opset 21.

**OpenVINO**, by its own reader of SavedModels, without TensorFlow.
`float16` and `weight_only_int8` (NNCF) are expanded while loading and computed in float32.
`static_int8` is NNCF's, with ranges from the smallest and the largest value seen and its correction of biases.
There is no dynamic quantization of convolutions and no 16-bit activation on its CPU device.
Computing in bf16 is an option of the runtime and not an artifact: `edge-opt` lists it as what it is.
"""


def page() -> str:
    """The whole of docs/recipes.md."""
    formats = registry.names("exporters")
    parts = [
        "# Recipes\n",
        "<!-- written by docs/make_recipes.py: `make docs` -->\n",
        "A recipe is a way to make a model smaller or faster. Which one is best for a model on a target is measured,",
        "never assumed, and float32 wins where nothing is better.\n",
        *(f"- `{recipe.name}`: {recipe.description}" for recipe in RECIPES),
        "\n## Which format has which recipe\n",
        "This is the table for Keras files and SavedModels; [inputs.md](inputs.md) has it for every kind of model.\n",
        f"| recipe | {' | '.join(f'`{name}`' for name in formats)} |",
        f"|---|{'---|' * len(formats)}",
        *(f"| `{recipe.name}` | {' | '.join(cell(name, recipe) for name in formats)} |" for recipe in RECIPES),
        "",
        "A dash is a recipe that the format does not have; asking for it is an error that says so.\n",
        "## Passes before a recipe\n",
        "A pass takes something out of the network and trains it again before it is exported. It stands first, as in",
        "`slim50+static_int8` or `strided+slim75+dynamic_int8`: [smaller networks](slim.md).\n",
        *(f"- `{word}`: {says(word)}." for word in passes()),
        "",
    ]
    return "\n".join([*parts, NOTES])


def cell(name: str, recipe: Recipe) -> str:
    """What the format ``name`` makes of ``recipe``: ``yes``, its variants, or a dash."""
    variants = registry.load("exporters", name).variants(recipe.quantization, "saved_model")
    return ", ".join(f"`{variant}`" if variant else "yes" for variant in variants) or "–"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
