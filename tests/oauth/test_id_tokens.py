"""What an ID token must be to be believed."""

from __future__ import annotations

import base64
import hmac
import json
import time
import warnings
from typing import Any, Literal

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from tests.oauth.liar import KEYS, Liar

from flet_cluster.errors import SignInFailed
from flet_cluster.oauth.id_token import LEEWAY, MOST_KEYS, UnknownKey, read_keys, verified

IT = Liar("https://issuer.test")
EC = ECKey.generate_key("P-256", {"kid": "ec"})
SECRET = b"a secret for tests only"


def check(token: str, keys: list[Any] | None = None, **changes: Any) -> dict[str, Any]:
    options: dict[str, Any] = {
        "issuer": IT.issuer,
        "client_id": "app",
        "algorithms": ["RS256", "ES256"],
        "nonce": "n",
    }
    return verified(token, list(KEYS[:1]) if keys is None else keys, **{**options, **changes})


def test_one_that_is_genuine() -> None:
    assert check(IT.sign(IT.claims()))["sub"] == "ada"
    assert check(IT.sign(IT.claims(aud=["app", "other"], azp="app")))["sub"] == "ada"
    signed = jwt.encode({"alg": "ES256", "kid": "ec"}, IT.claims(), EC)
    assert check(signed, [*KEYS, EC])["sub"] == "ada"


@pytest.mark.parametrize(
    ("curve", "name"), [("Ed25519", "EdDSA"), ("Ed448", "EdDSA"), ("Ed25519", "Ed25519")]
)
def test_edwards_curves(curve: Literal["Ed25519", "Ed448"], name: str) -> None:
    key = OKPKey.generate_key(curve, {"kid": "ed"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the name EdDSA, which is what providers say
        signed = jwt.encode({"alg": name, "kid": "ed"}, IT.claims(), key, algorithms=[name])
    published = read_keys({"keys": [key.as_dict(private=False), OKPKey.generate_key("X25519").as_dict()]})
    assert check(signed, published, algorithms=[name])["sub"] == "ada"
    with pytest.raises(SignInFailed, match="not genuine"):
        check(signed, published)
    with pytest.raises(SignInFailed, match="not genuine"):
        check(signed[:-8] + "AAAAAAAA", published, algorithms=[name])


ANY = "https://issuer.test/{tenantid}/v2.0"


def tenant_key(**more: str) -> list[Any]:
    return read_keys({"keys": [{**KEYS[0].as_dict(private=False), **more}]})


def of_tenant(tenant: object = "t-1", **changes: Any) -> str:
    return IT.sign(IT.claims(**{"iss": f"https://issuer.test/{tenant}/v2.0", "tid": tenant, **changes}))


def test_an_issuer_that_stands_for_many() -> None:
    for keys in (tenant_key(), tenant_key(issuer=ANY), tenant_key(issuer="https://issuer.test/t-1/v2.0")):
        assert check(of_tenant(), keys, issuer=ANY)["tid"] == "t-1"


@pytest.mark.parametrize(
    ("token", "keys", "reason"),
    [
        (of_tenant(tid=None), {}, "'iss'"),
        (of_tenant(tid="t-2"), {}, "'iss'"),
        (of_tenant(iss="https://evil.test/t-1/v2.0"), {}, "'iss'"),
        (of_tenant(iss=ANY), {}, "'iss'"),
        (of_tenant("a/../b"), {}, "'iss'"),
        (of_tenant(["t-1"]), {}, "'iss'"),
        (of_tenant("{tenantid}"), {}, "'iss'"),
        (of_tenant(), {"issuer": "https://issuer.test/t-2/v2.0"}, "key of another tenant"),
    ],
)
def test_a_tenant_that_is_not_its_own(token: str, keys: dict[str, str], reason: str) -> None:
    with pytest.raises(SignInFailed) as refused:
        check(token, tenant_key(**keys), issuer=ANY)
    assert reason in refused.value.detail


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.test"}, "'iss'"),
        ({"iss": None}, "'iss'"),
        ({"aud": "other"}, "'aud'"),
        ({"aud": ["other"]}, "'aud'"),
        ({"aud": None}, "'aud'"),
        ({"aud": ["app", "other"]}, "'azp'"),
        ({"azp": "other"}, "'azp'"),
        ({"nonce": "of another sign-in"}, "'nonce'"),
        ({"nonce": None}, "'nonce'"),
        ({"sub": None}, "'sub'"),
        ({"sub": 7}, "'sub'"),
        ({"exp": None}, "'exp'"),
        ({"iat": None}, "'iat'"),
        ({"exp": "soon"}, "'exp'"),
        ({"at_hash": "of-another-token"}, "'at_hash'"),
    ],
)
def test_one_that_is_not(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(SignInFailed) as refused:
        check(IT.sign(IT.claims(**changes)), access_token="an access token")
    assert reason in refused.value.detail
    assert "ada" not in refused.value.detail


@pytest.mark.parametrize(
    ("name", "shift", "good"),
    [
        ("exp", -LEEWAY - 60, False),
        ("iat", LEEWAY + 60, False),
        ("nbf", LEEWAY + 60, False),
        ("exp", -LEEWAY + 30, True),
        ("iat", LEEWAY - 30, True),
    ],
)
def test_clocks_may_differ_a_little(name: str, shift: float, *, good: bool) -> None:
    token = IT.sign(IT.claims(**{name: int(time.time() + shift)}))
    if good:
        assert check(token)
    else:
        with pytest.raises(SignInFailed) as refused:
            check(token)
        assert "clocks" in refused.value.detail


def test_who_signed_it_counts() -> None:
    forged = RSAKey.generate_key(2048, {"kid": "first"})
    with pytest.raises(SignInFailed, match="not genuine"):
        check(IT.sign(IT.claims(), forged))
    with pytest.raises(UnknownKey):
        check(IT.sign(IT.claims(), KEYS[1]))
    with pytest.raises(UnknownKey):
        check(IT.sign(IT.claims()), [])
    with pytest.raises(SignInFailed, match="not genuine"):
        check("no token at all")
    with pytest.raises(SignInFailed, match="not genuine"):
        check(IT.sign(IT.claims()) + "A")


def by_hand(header: dict[str, str], secret: bytes) -> str:
    """A token with a signature that no library would make."""
    parts = [json.dumps(part).encode() for part in (header, IT.claims())]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mac = base64.urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=")
    return f"{signed.decode()}.{mac.decode()}"


def test_how_it_is_signed_counts() -> None:
    head, body, _ = IT.sign(IT.claims()).split(".")
    by_secret = by_hand({"alg": "HS256"}, SECRET)
    confused = by_hand({"alg": "HS256", "kid": "first"}, KEYS[0].as_pem(private=False))
    unsigned = by_hand({"alg": "none"}, b"").rpartition(".")[0] + "."
    for token in (by_secret, confused, unsigned, f"{head}.{body}."):
        for offered in (["RS256"], ["RS256", "HS256", "none"]):
            with pytest.raises(SignInFailed, match="not genuine"):
                check(token, algorithms=offered)
    with pytest.raises(SignInFailed) as refused:
        check(IT.sign(IT.claims()), algorithms=["HS256", "none"])
    assert "nothing that is safe" in refused.value.detail


def test_one_that_names_no_key_may_be_by_any() -> None:
    token = jwt.encode({"alg": "RS256"}, IT.claims(), KEYS[1])
    assert check(token, KEYS)["sub"] == "ada"
    with pytest.raises(SignInFailed, match="not genuine"):
        check(token, KEYS[:1])


def test_one_that_names_its_key_may_be_by_one_without_a_name() -> None:
    key = nameless(KEYS[0])
    assert check(IT.sign(IT.claims()), read_keys({"keys": [key]}))["sub"] == "ada"
    with pytest.raises(UnknownKey):
        check(IT.sign(IT.claims()), read_keys({"keys": [{**key, "kid": "another"}]}))


def nameless(key: RSAKey | ECKey) -> dict[str, Any]:
    """What a provider publishes that has no names for its keys."""
    return {name: value for name, value in key.as_dict(private=False).items() if name != "kid"}


def test_only_so_many_keys_are_tried() -> None:
    many = [nameless(EC)] * MOST_KEYS
    assert len(read_keys({"keys": many * 2})) == MOST_KEYS
    token = jwt.encode({"alg": "RS256"}, IT.claims(), KEYS[0])
    assert check(token, read_keys({"keys": [*many[1:], nameless(KEYS[0])]}))["sub"] == "ada"
    with pytest.raises(UnknownKey):  # past the limit
        check(token, read_keys({"keys": [*many, nameless(KEYS[0])]}))


def test_keys_that_cannot_be_used_are_passed_over() -> None:
    good = KEYS[0].as_dict(private=False)
    odd = [
        {"kty": "of the future"},
        {"kty": "RSA"},
        {**good, "use": "enc"},
        {"kty": "oct", "k": "c2VjcmV0"},
        7,
    ]
    assert [key.kid for key in read_keys({"keys": [*odd, good]})] == ["first"]
    with pytest.raises(SignInFailed):
        read_keys({"error": "?"})
