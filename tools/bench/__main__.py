"""`python -m tools.bench`: run one of the benchmarks."""

from tools.bench.command import main

if __name__ == "__main__":
    main()
