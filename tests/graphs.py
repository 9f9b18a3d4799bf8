"""The ONNX graphs that ship. `python -m tests.graphs --write` makes them again.

A graph holds the structure of a network and no weights; it changes with the network's function
alone.
"""

import argparse
import json
from typing import TYPE_CHECKING

from openpose_keras import networks
from openpose_keras.engines.files import graph_path
from openpose_keras.networks.presets import PRESETS

if TYPE_CHECKING:
    import keras

NETWORKS = sorted({preset.network for preset in PRESETS.values()})


def make_graph(model: "keras.Model") -> tuple[bytes, str]:
    """Return what the files of a network's graph hold: the .onnx and the .json."""
    from openpose_keras.engines.onnx_graph import to_graph

    proto, places = to_graph(model)
    lines = [f"{json.dumps(name)}: {json.dumps(place)}" for name, place in places.items()]
    return proto.SerializeToString(deterministic=True), "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Write the graphs of all networks, or say how large they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write them; else only compare")
    args = parser.parse_args()
    for network in NETWORKS:
        path = graph_path(network)
        graph, places = make_graph(getattr(networks, network)())
        same = path.is_file() and path.read_bytes() == graph
        if args.write:
            path.write_bytes(graph)
            path.with_suffix(".json").write_text(places, "utf8")
        print(f"{network:24} {len(graph) + len(places):7} bytes{'' if same else '  changed'}")


if __name__ == "__main__":
    main()
