"""Halve a table of marks so that every row and every column is halved: how sides are counterbalanced exactly."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Hashable, Sequence

Node = tuple[Hashable, ...]
NOBODY: Node = ("nobody",)


def halves(edges: Sequence[tuple[Node, Node]], rng: random.Random) -> list[bool]:
    """For each edge (left node, right node) a side, so that the two sides of every node differ by 1 at most.

    A node is a tuple; all of its beginnings are halved as well: (seat, pair) halves each pair of a seat, and the seat.
    Walks along closed trails and alternates: every trail of a graph with two parts has an even length, and leaves
    each node as often by one side as by the other (Euler). Odd nodes are first made even by edges of no meaning.
    """
    graph = [(("left", *a), ("right", *b)) for a, b in edges]
    for side, other in (("left", "right"), ("right", "left")):
        graph += _evening(graph[: len(edges)], side, other)
    degrees = _degrees(graph)
    graph += [(node, ("right", *NOBODY)) for node in degrees if node[0] == "left" and degrees[node] % 2]
    graph += [(("left", *NOBODY), node) for node in degrees if node[0] == "right" and degrees[node] % 2]
    if _degrees(graph)[("left", *NOBODY)] % 2:
        graph.append((("left", *NOBODY), ("right", *NOBODY)))
    return _alternate(graph, rng)[: len(edges)]


def _evening(graph: Sequence[tuple[Node, Node]], side: str, other: str) -> list[tuple[Node, Node]]:
    """Join odd nodes of one beginning two by two through a node between them: what one has too much the other lacks."""
    degrees = _degrees(graph)
    odd = [node for node in degrees if node[0] == side and degrees[node] % 2]
    added = []
    for depth in range(max((len(node) for node in odd), default=2) - 1, 1, -1):
        groups = defaultdict(list)
        for node in odd:
            groups[node[:depth]].append(node)
        odd = [nodes[-1] for nodes in groups.values() if len(nodes) % 2]
        for beginning, nodes in groups.items():
            for i, (a, b) in enumerate(zip(nodes[::2], nodes[1::2])):
                between = (other, "between", beginning, i)
                added += [(node, between) if side == "left" else (between, node) for node in (a, b)]
    return added


def _degrees(graph: Sequence[tuple[Node, Node]]) -> dict[Node, int]:
    degrees: dict[Node, int] = defaultdict(int)
    for a, b in graph:
        degrees[a] += 1
        degrees[b] += 1
    return degrees


def _alternate(graph: Sequence[tuple[Node, Node]], rng: random.Random) -> list[bool]:
    """A side for each edge; every node has an even number of edges."""
    at: dict[Node, list[int]] = defaultdict(list)
    for index, (a, b) in enumerate(graph):
        at[a].append(index)
        at[b].append(index)
    for edges in at.values():
        rng.shuffle(edges)
    sides: list[bool | None] = [None] * len(graph)
    for start, _ in graph:
        node, side = start, rng.random() < 0.5
        while (edge := _unused(at[node], sides)) is not None:  # there is one until the trail has closed
            sides[edge], side = side, not side
            a, b = graph[edge]
            node = b if node == a else a
    return [bool(side) for side in sides]


def _unused(edges: list[int], sides: list[bool | None]) -> int | None:
    while edges:
        edge = edges.pop()
        if sides[edge] is None:
            return edge
    return None
