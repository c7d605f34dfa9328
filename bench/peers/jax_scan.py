"""JAX, with an epoch as one compiled scan."""

import numpy as np

from peers.peer import ALPHA, BETA_1, BETA_2, EPSILON, RATE, SEED, Peer, initial_weights


class Jax(Peer):
    """JAX with the whole epoch, a scan over its batches, in one compiled call, and Adam by hand."""

    name = "JAX"
    package = "jax"

    def __init__(self, problem, threads):
        # JAX has no setting for its threads: it uses the CPUs that the process may run on
        import jax

        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", problem.X.dtype == np.float64)
        self.jax = jax
        self.shape = problem.shape
        self.initial = initial_weights(problem)
        self.X = jax.numpy.asarray(problem.X)
        self.y = jax.numpy.asarray(problem.y)
        self.train_epoch = jax.jit(jax_epoch(jax, problem.shape.batch_size, problem.shape.n_outputs), donate_argnums=0)

    def fit(self, epochs):
        jax = self.jax
        rng = np.random.default_rng(SEED)
        weights = tuple(jax.numpy.array(array) for array in self.initial)
        moments = [tuple(jax.numpy.zeros_like(array) for array in weights) for _ in range(2)]
        state = weights, *moments, jax.numpy.zeros((), weights[0].dtype)
        loss_curve = []
        for _ in range(epochs):
            # drawn by NumPy: jax.random.permutation sorts random numbers, which takes several times longer
            order = None if self.shape.full_batch else rng.permutation(self.shape.n_samples)
            state, loss = self.train_epoch(state, self.X, self.y, order)
            loss_curve.append(float(loss) / self.shape.n_samples)
        return tuple(np.asarray(array) for array in state[0])


def jax_epoch(jax, batch_size, n_outputs):
    """Return a function that trains on all examples once: (state, X, y, order) -> (state, sum of the losses).

    Without an order they make one batch.
    """
    jnp = jax.numpy

    def batch_loss(weights, X, y):
        W1, b1, W2, b2 = weights
        z2 = jax.nn.relu(X @ W1 + b1) @ W2 + b2
        if n_outputs == 1:
            z2 = z2[:, 0]
            loss = jnp.mean(jax.nn.softplus(z2) - y * z2)
        else:
            loss = -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z2), y[:, None], axis=1))
        return loss + 0.5 * ALPHA / len(X) * (jnp.sum(W1**2) + jnp.sum(W2**2))

    def step(state, X, y):
        weights, first, second, t = state
        loss, gradients = jax.value_and_grad(batch_loss)(weights, X, y)
        t = t + 1
        rate = RATE * jnp.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        first = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, first, gradients)
        second = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, second, gradients)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), weights, first, second)
        return (weights, first, second, t), loss * len(X)

    def train_epoch(state, X, y, order):
        if order is None:
            return step(state, X, y)
        n_whole = len(order) // batch_size
        batches, rest = order[: n_whole * batch_size].reshape(n_whole, -1), order[n_whole * batch_size :]
        state, losses = jax.lax.scan(lambda state, batch: step(state, X[batch], y[batch]), state, batches)
        loss = losses.sum()
        if len(rest):
            state, last_loss = step(state, X[rest], y[rest])
            loss = loss + last_loss
        return state, loss

    return train_epoch
