"""A document as a tree of plain blocks, written from a Report or a Diagnosis in one language; renderers draw it."""
