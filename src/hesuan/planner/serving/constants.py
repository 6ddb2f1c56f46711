"""What the serving formulas take as universal: a few physical numbers, fitted once, each with its meaning.

Fitted by ``tools/fit_serving.py`` to 244 published rows with priors on the shares; checked with each family
of models left out. ``docs/model/serving.md`` has the errors.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServingConstants:
    """Universal figures of serving. Times in seconds, shares without unit."""

    gemm_share: float = 0.882
    """Of the measured large-product rate, what serving's projections reach."""
    grouped_share: float = 0.408
    """The same for expert products with full tiles."""
    core_share: float = 0.54
    """Of the BF16 product rate, what the core of attention reaches."""
    memory_share: float = 0.802
    """Of the memory bandwidth, what streaming weights and cache reaches."""
    tile_tokens: float = 58.2
    """Rows of a product at which half of its full rate is reached."""
    expert_tile: float = 49.5
    """The same for the rows of one expert, whose kernels take smaller tiles."""
    kernel_trtllm_s: float = 3.23e-06
    """One small kernel, its launch in a captured graph and the gap to the next [s]."""
    kernel_vllm_s: float = 3.79e-06
    kernel_sglang_s: float = 5.14e-06
    kernel_other_s: float = 4.11e-06
    step_s: float = 0.000338
    """Scheduling, sampling and detokenizing of one step [s]."""
    row_s: float = 2.03e-05
    """The same for each request of an instance's batch [s]."""
    era_gain: float = 0.102
    """Relative fall of kernel and step costs for each year after 2025.5."""
    reduce_s: float = 7.24e-06
    """Start-up of one all-reduce inside a memory-semantic domain [s]."""
    network_s: float = 1.48e-05
    """Start-up of one collective that leaves it [s]."""
    peer_s: float = 2.04e-07
    """Start-up of an all-to-all for each peer [s]."""
    link_share: float = 0.793
    """Of a link's nominal bandwidth, what collectives reach."""
    imbalance: float = 1.25
    """Tokens of the busiest expert rank over the mean where EP is above 1 and nothing else is stated."""
    spread: float = 0.813
    """Of an independent choice of experts, what a further token's choice counts for: routing is skewed."""
    straggle: float = 0.619
    """Of the excess the busiest of independent expert ranks would touch, what is seen."""
    hidden_share: float = 0.771
    """Of the expert communication, what two-batch overlap hides at most behind compute."""
    interference: float = 0.784
    """Of the time prompts add to a pass, what the requests decoding beside them feel."""
    bunch: float = 0.0604
    """Prompts that enter a pass together, over the running batch, beyond the first."""
    first_wave: float = 0.185
    """Share of requests that queue behind a full house: a loop starts with all prompts at once."""
    spread_out: float = 1.07
    """Later waves queue by ``u^2 / (u^2 + this^2)``, ``u`` prefill's share of a request's life."""
    prefill_sglang: float = 1.35
    """Prefill time of SGLang's aggregated and disaggregated instances over the formulas'."""
    request_trtllm_s: float = 0.0527
    """Tokenizing, transport and first-token handling of one request [s]."""
    request_vllm_s: float = 0.0442
    request_sglang_s: float = 0.206
    request_other_s: float = 0.05
    transfer_s: float = 0.102
    """Hand-over of one request from prefill to decode, beside the bytes [s]."""
    pass_tokens: float = 8192.0
    """Prompt tokens an engine puts into one pass, where several prompts wait."""
    memory_usable: float = 0.90
    """Share of a card's memory that weights and cache may take."""
    workspace_bytes: float = 3e9
    """Activations, graphs and buffers on one card [byte]."""
    tpot_low: float = 0.76
    """80 % interval of TPOT, and of throughput turned round, as factors of the forecast."""
    tpot_high: float = 1.51
    ttft_low: float = 0.52
    ttft_high: float = 4.88
    rate_low: float = 0.85
    rate_high: float = 1.18

    def kernel_s(self) -> tuple[float, ...]:
        """Kernel cost by engine, in the order of ``Engine`` [s]."""
        return (self.kernel_trtllm_s, self.kernel_vllm_s, self.kernel_sglang_s, self.kernel_other_s)

    def request_s(self) -> tuple[float, ...]:
        """Handling of one request by engine, in the order of ``Engine`` [s]."""
        return (self.request_trtllm_s, self.request_vllm_s, self.request_sglang_s, self.request_other_s)

    def interval(self, metric: str) -> tuple[float, float] | None:
        """Factors of the 80 % interval of a metric, by its name in a row."""
        return {
            "tpot_s": (self.tpot_low, self.tpot_high),
            "ttft_s": (self.ttft_low, self.ttft_high),
            "tokens_per_s_per_chip": (self.rate_low, self.rate_high),
        }.get(metric)


DEFAULT = ServingConstants()
