"""What every token is worth to a downstream task, in plain PyTorch and float64.

A document is a prompt and an answer, both lists of token ids; only answer tokens are asked about.
"""

import torch
from torch.func import functional_call, jvp


def log_probabilities(model, theta, document):
    """log p(. | tokens before) at each answer token. [answer, vocab]"""
    prompt, answer = document
    tokens = torch.tensor([prompt + answer])
    logits = functional_call(model, theta, (tokens,)).logits[0]
    return torch.log_softmax(logits[len(prompt) - 1 : -1], -1)


def downstream_gradient(model, theta, feedback):
    """g_down: the gradient of the mean NLL over all answer tokens of the feedback, eq. 12."""
    theta = {name: value.detach().requires_grad_() for name, value in theta.items()}
    total = 0.0
    for document in feedback:
        answer = torch.tensor(document[1])[:, None]
        total = total - log_probabilities(model, theta, document).gather(1, answer).sum()
    loss = total / sum(len(answer) for _, answer in feedback)
    return loss.item(), dict(zip(theta, torch.autograd.grad(loss, theta.values())))


def token_values(model, subset, feedback, documents, top_k, alpha_max):
    """Everything `vpt score --feedback` reports. `subset` names the parameters S of the value."""
    theta = {name: value.detach() for name, value in model.named_parameters() if name in subset}
    loss, g_down = downstream_gradient(model, theta, feedback)
    rows = []
    for document in documents:
        log_p, change = jvp(
            lambda theta: log_probabilities(model, theta, document), (theta,), (g_down,)
        )
        slots = torch.cat([torch.tensor(document[1])[:, None], log_p.topk(top_k).indices], 1)
        # A downstream step goes along -g_down, so c > 0 where it makes a token likelier.
        rows.append((slots, log_p.gather(1, slots), -change.gather(1, slots)))
    slots, log_p, c = (torch.cat(parts) for parts in zip(*rows))
    sigma = c[:, 1:].std(correction=0)
    weight = 1 / len(c)

    def mixed(p):
        """q = (1 - alpha) one-hot + alpha p, alpha open where p is worth more than the label."""
        alpha = alpha_max * ((p * c[:, 1:]).sum(1) > c[:, 0])[:, None].to(p.dtype)
        return torch.cat([1 - alpha, alpha * p], 1)

    hard = mixed(torch.nn.functional.one_hot(c[:, 1:].argmax(1), top_k).to(c.dtype))
    soft = mixed(torch.softmax(log_p[:, 1:] + c[:, 1:] / sigma, 1))
    norm = torch.sqrt(sum((g * g).sum() for g in g_down.values()))
    return {
        "slots": slots, "log_p": log_p, "c": c, "oracle_hard": hard, "oracle_soft": soft,
        "feedback_loss": loss, "g_down_norm": norm, "sigma": sigma, "v_ntp": weight * c[:, 0].sum(),
        "v_oracle_hard": weight * (hard * c).sum(), "v_oracle_soft": weight * (soft * c).sum(),
    }
