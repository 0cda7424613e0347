"""An exponential moving average of the weights: what is sampled from, and what is exported.

Polyak and Juditsky 1992; for diffusion models Ho et al. 2020, arXiv:2006.11239, section 4.
"""

import torch


class Average:
    """The decay ramps up, (1 + n) / (10 + n), so that the first steps' weights are forgotten quickly."""

    def __init__(self, network: torch.nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.values = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: torch.nn.Module) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        live = network.state_dict()
        names = [name for name, value in self.values.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.values[name] for name in names], [live[name] for name in names], 1 - decay)

    def state_dict(self) -> dict[str, torch.Tensor]:
        return self.values

    def load_state_dict(self, state: dict[str, torch.Tensor], updates: int) -> None:
        self.updates = updates
        for name, value in self.values.items():
            value.copy_(state[name])
