"""The pictures of a document, one file each: vector drawings from the numbers of a Report or a Diagnosis."""
