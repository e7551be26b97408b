from bench.figures import Report
def with_a_hundred(rounds: int) -> Report:
    raise NotImplementedError
