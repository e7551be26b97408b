from bench.figures import Report
def beside_peers(rounds: int) -> Report:
    raise NotImplementedError
