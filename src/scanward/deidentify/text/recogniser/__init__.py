"""The recogniser of this project: a linear-chain conditional random field over the words of a text."""
