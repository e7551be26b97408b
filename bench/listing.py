from bench.figures import Report
def beside_docker(rounds: int) -> Report:
    raise NotImplementedError
