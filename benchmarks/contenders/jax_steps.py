"""JAX: a training step as one jitted function, and a whole run of steps as one."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.contenders.base import Contender
from benchmarks.task import Array


class Jax(Contender):
    """One jitted step, its buffers donated; the batch is cut out of the data inside it."""

    requires = ("jax",)
    distributions = ("jax", "jaxlib", "numpy")

    def prepare(self) -> None:
        """Put weights and data where JAX has them, and write the step."""
        import jax
        import jax.numpy as jnp

        task = self.task
        jax.config.update("jax_enable_x64", self.dtype == "float64")
        self.x = jnp.asarray(task.x, self.dtype)
        self.y = jnp.asarray(task.targets(), self.dtype)
        self.parameters = [
            (jnp.array(kernel, self.dtype), jnp.array(bias, self.dtype))
            for kernel, bias in zip(task.kernels, task.biases, strict=True)
        ]
        zeros = jax.tree.map(jnp.zeros_like, self.parameters)
        self.state: Any = ()
        if task.optimizer == "adam":
            self.state = (jnp.zeros((), "int32"), zeros, jax.tree.map(jnp.copy, zeros))
        hidden = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[task.hidden]

        def logits(parameters: Any, x: Any) -> Any:
            for kernel, bias in parameters[:-1]:
                x = hidden(x @ kernel + bias)
            kernel, bias = parameters[-1]
            return x @ kernel + bias

        def loss(parameters: Any, x: Any, y: Any) -> Any:
            z = logits(parameters, x)
            if task.output == "softmax":
                return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(z), axis=1))
            return jnp.mean(jnp.logaddexp(0, z) - y * z)

        def predict(parameters: Any, x: Any) -> Any:
            z = logits(parameters, x)
            return jax.nn.softmax(z) if task.output == "softmax" else jax.nn.sigmoid(z)

        def sgd(gradients: Any, parameters: Any, state: Any) -> tuple[Any, Any]:
            rate = task.learning_rate
            return jax.tree.map(lambda p, g: p - rate * g, parameters, gradients), state

        def adam(gradients: Any, parameters: Any, state: Any) -> tuple[Any, Any]:
            count, m, v = state
            count = count + 1
            power = count.astype(self.dtype)
            rate = task.learning_rate * jnp.sqrt(1 - 0.999**power) / (1 - 0.9**power)
            m = jax.tree.map(lambda m, g: m + (g - m) * (1 - 0.9), m, gradients)
            v = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - 0.999), v, gradients)
            parameters = jax.tree.map(
                lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), parameters, m, v
            )
            return parameters, (count, m, v)

        update = adam if task.optimizer == "adam" else sgd

        def step(parameters: Any, state: Any, x: Any, y: Any, start: Any) -> tuple[Any, Any]:
            x = jax.lax.dynamic_slice_in_dim(x, start, task.batch_size)
            y = jax.lax.dynamic_slice_in_dim(y, start, task.batch_size)
            return update(jax.grad(loss)(parameters, x, y), parameters, state)

        def steps(parameters: Any, state: Any, x: Any, y: Any, n: Any) -> tuple[Any, Any]:
            def body(i: Any, carried: tuple[Any, Any]) -> tuple[Any, Any]:
                return step(carried[0], carried[1], x, y, i * task.batch_size)

            return jax.lax.fori_loop(0, n, body, (parameters, state))

        self.step: Any = jax.jit(step, donate_argnums=(0, 1))
        self.steps: Any = jax.jit(steps, donate_argnums=(0, 1))
        self.forward = jax.jit(predict)

    def train(self, rows: int, epochs: int) -> None:
        """Go on training."""
        import jax

        for _ in range(epochs):
            for start in range(0, rows, self.task.batch_size):
                self.parameters, self.state = self.step(
                    self.parameters, self.state, self.x, self.y, start
                )
        jax.block_until_ready(self.parameters)

    def predict(self, x: Array) -> Any:
        """Return probabilities."""
        return self.forward(self.parameters, np.asarray(x, self.dtype))


class JaxLoop(Jax):
    """The same steps in a loop that is compiled too: an epoch is one call, without Python in it."""

    def train(self, rows: int, epochs: int) -> None:
        """Go on training."""
        import jax

        for _ in range(epochs):
            self.parameters, self.state = self.steps(
                self.parameters, self.state, self.x, self.y, rows // self.task.batch_size
            )
        jax.block_until_ready(self.parameters)
