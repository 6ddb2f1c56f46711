"""The model: its dimensions, what they weigh and what one token costs.

Counting (``h`` hidden, ``a`` heads, ``d`` head size, ``k`` key-value heads, ``f`` feed-forward width,
``V`` vocabulary, ``n`` matrices of an MLP: 3 gated, 2 plain)::

    attention   h a d + 2 h k d + a d h                       (MLA: the low-rank chain, DeepSeek-V2 eq. 9-19)
    MLP         n h f
    experts     E n h f_e + n h f_s + h E                     (routed, shared, router)
    embedding   V h, and V h again for the head unless tied

One token forward costs 2 FLOPs for each active weight of a matrix product (an embedding look-up is none)
and ``4 a d s`` for attention over ``s`` keys, half of it where the mask is causal and the kernel skips it.
A training step is three forwards. Sources: Kaplan et al. 2020 (arXiv 2001.08361) table 1; Narayanan et al.
2021
(arXiv 2104.04473) appendix; DeepSeek-AI 2024 (arXiv 2405.04434).
"""

from __future__ import annotations

from dataclasses import dataclass

from hesuan.planner.inputs.checking import Checker


@dataclass(frozen=True, slots=True)
class Mla:
    """Multi-head latent attention: widths of the low-rank chain (all elements per token or per head)."""

    q_lora: int
    """Rank of the query's compression; 0 where queries are projected directly."""
    kv_lora: int
    """Rank of the key-value compression: with ``rope`` what one token keeps in the cache of one layer."""
    rope: int
    nope: int
    value: int


@dataclass(frozen=True, slots=True)
class Model:
    """A decoder: dense, mixture of experts or hybrid. Zeros mean "there is none"."""

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    """Width of the dense MLP."""
    vocab: int
    gated: bool = True
    experts: int = 0
    top_k: int = 0
    shared_experts: int = 0
    expert_ffn: int = 0
    """Width of one routed expert."""
    shared_ffn: int = 0
    """Width of all shared experts together; 0 means ``shared_experts * expert_ffn``."""
    expert_hidden: int = 0
    """Width of what enters a routed expert where that is a narrower latent; 0 means ``hidden``."""
    dense_layers: int = 0
    """Layers with a dense MLP although the model has experts."""
    mla: Mla | None = None
    tied: bool = False
    positions: int = 0
    """Length of a learned position table."""
    attention_layers: int | None = None
    """Layers with attention; None means all."""
    mlp_layers: int | None = None
    """Layers with an MLP or experts; None means all."""
    ssm_layers: int = 0
    """State-space (Mamba-2) or linear-attention layers, counted within ``layers``."""
    ssm_inner: int = 0
    ssm_state: int = 0
    ssm_groups: int = 8
    ssm_head_dim: int = 64
    window: int = 0
    """Keys a windowed layer looks back on."""
    window_layers: int = 0
    """Attention layers with that window."""
    mtp_layers: int = 0
    """Extra layers that predict further tokens, trained along."""
    published_params: float = 0.0
    """Parameters as published, where they were; 0 unknown."""

    def __post_init__(self) -> None:
        check = Checker("model")
        check.positive(self, ("layers", "hidden", "vocab"))
        check.not_negative(
            self, ("heads", "ffn", "experts", "top_k", "shared_experts", "expert_ffn", "dense_layers")
        )
        if self.attention_layers != 0:
            check.positive(self, ("heads", "kv_heads", "head_dim"))
            if self.mla is None and self.heads > 0 and self.kv_heads > 0:
                check.divides("kv_heads", self.kv_heads, of="heads", whole=self.heads)
        if self.experts:
            check.within(self, "top_k", 1, self.experts)
            check.positive(self, ("expert_ffn",))
        else:
            check.positive(self, ("ffn",))
        check.within(self, "dense_layers", 0, self.layers)
        check.done()

    @property
    def is_moe(self) -> bool:
        """Whether tokens choose experts."""
        return self.experts > 0

    @property
    def attending(self) -> int:
        """Layers with attention."""
        return self.layers - self.ssm_layers if self.attention_layers is None else self.attention_layers

    @property
    def with_mlp(self) -> int:
        """Layers with an MLP or experts."""
        return self.layers if self.mlp_layers is None else self.mlp_layers

    @property
    def moe_layers(self) -> int:
        """Layers with experts."""
        return self.with_mlp - self.dense_layers if self.experts else 0

    @property
    def dense_mlp_layers(self) -> int:
        """Layers with a dense MLP."""
        return self.with_mlp - self.moe_layers

    @property
    def mlp_matrices(self) -> int:
        """3 with a gate, 2 without."""
        return 3 if self.gated else 2

    @property
    def attention_params(self) -> int:
        """Weights of one attention layer."""
        if self.mla is None:
            return 2 * self.hidden * self.head_dim * (self.heads + self.kv_heads)
        m = self.mla
        per_head = m.nope + m.rope
        query = (
            m.q_lora * (self.hidden + self.heads * per_head)
            if m.q_lora
            else self.hidden * self.heads * per_head
        )
        return (
            query
            + self.hidden * (m.kv_lora + m.rope)
            + m.kv_lora * self.heads * (m.nope + m.value)
            + self.heads * m.value * self.hidden
        )

    @property
    def dense_mlp_params(self) -> int:
        """Weights of one dense MLP."""
        return self.mlp_matrices * self.hidden * self.ffn

    @property
    def expert_params(self) -> int:
        """Weights of one routed expert."""
        return self.mlp_matrices * (self.expert_hidden or self.hidden) * self.expert_ffn

    @property
    def shared_params(self) -> int:
        """What every token uses in one expert layer: shared experts, router, way into and out of a latent."""
        if not self.experts:
            return 0
        width = self.shared_ffn or self.shared_experts * self.expert_ffn
        latent = 2 * self.hidden * self.expert_hidden if self.expert_hidden else 0
        return self.mlp_matrices * self.hidden * width + self.hidden * self.experts + latent

    @property
    def ssm_params(self) -> int:
        """Weights of one Mamba-2 layer: in and out projections (Dao, Gu 2024, arXiv 2405.21060)."""
        if not self.ssm_layers:
            return 0
        heads = self.ssm_inner // self.ssm_head_dim
        into = 2 * self.ssm_inner + 2 * self.ssm_groups * self.ssm_state + heads
        return self.hidden * (into + self.ssm_inner)

    @property
    def embedding_params(self) -> int:
        """The table, the head beside it unless tied, and learned positions."""
        return self.hidden * (self.vocab * (1 if self.tied else 2) + self.positions)

    def _body(self, experts_counted: int) -> int:
        body = self.attending * self.attention_params + self.dense_mlp_layers * self.dense_mlp_params
        body += self.moe_layers * (self.shared_params + experts_counted * self.expert_params)
        body += self.ssm_layers * self.ssm_params
        per_layer = body // self.layers
        return body + self.mtp_layers * per_layer

    @property
    def params(self) -> int:
        """All weights."""
        return self._body(self.experts) + self.embedding_params + 2 * self.layers * self.hidden

    @property
    def active_params(self) -> int:
        """Weights one token uses, embedding counted as published figures do."""
        return self._body(self.top_k) + self.embedding_params + 2 * self.layers * self.hidden

    @property
    def matmul_params(self) -> int:
        """Weights one token is multiplied with: layers and head, no look-up table."""
        return self._body(self.top_k) + self.vocab * self.hidden * (1 + self.mtp_layers)

    def attention_flops_per_token(self, seq: int, *, causal: bool = True) -> float:
        """Scores and weighted values of all layers, forward, for one token of a sequence [FLOP]."""
        width = self.heads * self.head_dim * 2
        if self.mla is not None:
            width = self.heads * (self.mla.nope + self.mla.rope + self.mla.value)
        keys = seq / 2 if causal else float(seq)
        windowed = min(self.window_layers, self.attending)
        full = self.attending - windowed
        seen = min(float(self.window), keys) if self.window else keys
        return 2.0 * width * (full * keys + windowed * seen) * (1 + self.mtp_layers / self.layers)

    def ssm_flops_per_token(self) -> float:
        """State update and read-out of all state-space layers, forward [FLOP]: ``6 inner state`` each."""
        return 6.0 * self.ssm_layers * self.ssm_inner * self.ssm_state

    def forward_flops_per_token(self, seq: int, *, causal: bool = True) -> float:
        """One token forward [FLOP]; ``causal`` halves attention."""
        return (
            2.0 * self.matmul_params
            + self.attention_flops_per_token(seq, causal=causal)
            + self.ssm_flops_per_token()
        )

    def flops_per_token(self, seq: int, *, causal: bool = True) -> float:
        """One token of a training step, forward and backward, nothing recomputed [FLOP]."""
        return 3.0 * self.forward_flops_per_token(seq, causal=causal)

    def kv_bytes_per_token(self, element_bytes: float = 2.0) -> float:
        """What one token keeps in the caches of all layers [byte], windows left aside."""
        if self.mla is not None:
            return self.attending * (self.mla.kv_lora + self.mla.rope) * element_bytes
        return self.attending * 2 * self.kv_heads * self.head_dim * element_bytes
