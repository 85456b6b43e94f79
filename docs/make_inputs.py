"""Writes docs/inputs.md: which artifact is reached from which model, from the registry and what the exporters promise.

``make docs`` runs it; a test compares the page with the program.
"""

from __future__ import annotations

from pathlib import Path

from edge_opt import registry
from edge_opt.inputs.recipes import RECIPES
from edge_opt.types import Recipe, SourceKind

PAGE = Path(__file__).with_name("inputs.md")
# What a frontend reads; a frontend of another package stands there under its name.
SOURCES = {
    "keras": "`.keras` and `.h5`, saved by Keras 3 or by Keras 2 (tf_keras)",
    "saved_model": "a SavedModel folder",
    "tflite": "a float `.tflite` file",
    "onnx": "a float `.onnx` file, with its weights inside or beside it",
}
# What every artifact is made from, and what has to be installed to begin with it.
KINDS: dict[SourceKind, str] = {
    "saved_model": "Keras files and SavedModels become one float SavedModel at batch 1; TensorFlow is needed.",
    "onnx": "An `.onnx` file becomes one float ONNX file at batch 1; TensorFlow is not needed.",
    "tflite": "A `.tflite` file stays what it is; TensorFlow is needed only on the way to ONNX, by tf2onnx.",
}
# Why a way does not exist, where a format cannot be reached from a source at all.
NO_WAY: dict[tuple[str, SourceKind], str] = {
    ("tflite", "onnx"): "There is no way from ONNX to TFLite: the converters that exist rebuild the network in another "
    "layout and pin other versions of TensorFlow. Where the model came from Keras, give that; ONNX Runtime and "
    "OpenVINO run an ONNX model as it is.",
}
NOTES = """## What a model must be

A classifier with one input and one output of shape (batch, classes); the input is a picture or any array of a fixed
size. Only the batch may be free. Scores may be probabilities or logits. A model that is quantized already is sent
back: every comparison starts from the float one.

Of an `.onnx` file these are looked at before anything runs, and what is wrong is said in one sentence:

- it is checked by `onnx.checker`, and its shapes are inferred; a free batch, named or not, becomes 1;
- an input of another type than float32 gets a cast, so that every artifact takes and gives float32;
- operators of one runtime (as `com.microsoft`) are refused by name; functions are resolved;
- an operator set below 13 is raised to 13, the first that stores one scale a channel;
- weights in a file beside it are read from its own folder only: no `..`, no absolute path, no link that leads out;
- the file that is written answers as the given one does on random inputs, or the model is refused.

A picture is told by its channels: 1, 3 or 4 in the last place is NHWC, in the second place NCHW (as PyTorch has it).
The layout stays as it is in every artifact, and the preprocessing contract follows it.

## From PyTorch

`.pt` and `.pth` files are Python pickles, which run code when they are read; export the model where it was trained:

```python
import torch

torch.onnx.export(model.eval(), (torch.zeros(1, 3, 224, 224),), "model.onnx")
```

`model.eval()` matters: without it, dropout stays active and batch normalisation follows the samples. The size is that
of one input. PyTorch writes `model.onnx` and, beside it, `model.onnx.data` with the weights: keep both in one folder.
Then it is a model like any other:

```sh
edge-opt convert model.onnx --to onnx,openvino -r static_int8 -d photos/
```

Tried with PyTorch 2.13.0, onnx 1.23.2 and onnxscript 0.7.2 (which `torch.onnx.export` asks for) on a small network of
convolutions, batch normalisation, pooling and a dense layer, by the exporter above, with a free batch
(`dynamic_shapes`), and by the older one (`dynamo=False`).

## Layers

`keep_float` and `wide` of a quantization, and the error of a layer, go by names. In ONNX these are the names of the
nodes in the float32 artifact: those of the given file where it was ONNX, after batch normalisation is folded.

A *wide* layer has 16-bit activations. ONNX Runtime has no such kernels on CPUs: it computes that layer in float and
expands its weights at every inference, so it is slower than one that is kept in float, and only smaller.

## The same bytes again

With the same model, data and versions, every ONNX artifact is the same bytes in another process and another place,
from each of the three sources: tf2onnx numbers what it makes in an order that differs from run to run, so its graphs
are put in one order and under steady names.
"""


def page() -> str:
    """The whole of docs/inputs.md."""
    formats = registry.names("exporters")
    parts = [
        "# Which model reaches which artifact\n",
        "<!-- written by docs/make_inputs.py: `make docs` -->\n",
        "A model is told by its name, a folder is a SavedModel:\n",
        *(f"- `{name}`: {SOURCES.get(name, 'a frontend of another package')}" for name in registry.names("frontends")),
        "",
    ]
    for kind, said in KINDS.items():
        parts += [f"## From `{kind}`\n", f"{said}\n"]
        parts += [f"| recipe | {' | '.join(f'`{name}`' for name in formats)} |", f"|---|{'---|' * len(formats)}"]
        parts += [
            f"| `{recipe.name}` | {' | '.join(cell(name, recipe, kind) for name in formats)} |" for recipe in RECIPES
        ]
        parts += ["", *(f"{said}\n" for (_, source), said in NO_WAY.items() if source == kind)]
    parts.append("A dash is a recipe that the format does not have; asking for it is an error that says so.\n")
    return "\n".join([*parts, NOTES])


def cell(name: str, recipe: Recipe, kind: SourceKind) -> str:
    """What the format ``name`` makes of ``recipe`` from such a source: ``yes``, its variants, or a dash."""
    variants = registry.load("exporters", name).variants(recipe.quantization, kind)
    return ", ".join(f"`{variant}`" if variant else "yes" for variant in variants) or "–"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
