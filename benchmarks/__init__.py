"""How fast, and in how much memory: minidl and its peers, doing the same work in turn.

`python -m benchmarks` is the runner; `docs/benchmarks.md` says how to run and read it.

    workloads     what is done: a network, its data, and what of it is timed
    contenders/   who does it: one module a library
    worker        one contender on one workload, in a process of its own
    runner        starts the workers in turn; equal_work checks what they computed
    report        tables, for the terminal and as Markdown
    memory, import_time    the two figures that are not a step's time
"""
