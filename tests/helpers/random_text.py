"""Texts of random letters."""

import random

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def text_of(length, seed):
    return "".join(random.Random(seed).choices(LETTERS, k=length))
