"""`make bench` and the targets `bench-...`: measure the chat function and its parts.

The functions run one at a time, in turns within one run, so that a disturbance of the machine affects all of them. AWS
and Qwen are replayed responses on loopback: there is no network, no Lambda disk and no SnapStart. The figures are not
AWS figures; their ratios compare the work of the functions.
"""
