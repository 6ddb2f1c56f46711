"""Cross-modal matching of pathology-image and gene-expression embeddings.

The problem: a laboratory holds two views of its patients, made by instruments that know nothing of each
other. Given a new image, which expression profile of the reference gallery belongs to the same patient?
``data`` plants patients and their two noisy views; ``alignment`` learns a shared space from pairs that are
used for nothing else; ``matching`` ranks the gallery for every sample, block by block, and counts how often
the planted truth comes first.
"""
