"""Data sets of others as amodal COCO, preprocessed as in the paper (Sec. 5.1)."""
