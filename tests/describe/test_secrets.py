"""Command lines, and the secrets in them."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrack.describe.secrets import masked
from tests.waiting import fastest

#: Arguments of a script; S stands for a secret.
SECRET = r"""
--password S
--password=S
-p S
--db-pass S
--pw S
PASSWORD=S
--api_key=S
-u user:S
--auth user:S
https://user:S@h/x
https://S@h/x
postgres://u:p@S@h/db
https://h/x?token=S
https://h/x?sig=S
https://h/x?access_key=S&b=1
--header "Authorization: Bearer S"
--header "Authorization: Basic S"
-H "Cookie: session=S"
--conn "Server=h;Pwd=S;"
--conn "Server=h;Password=a S"
--json '{"password": "my S"}'
--password -S
--jwt S
--passphrase S
--connection-string S
--webhook https://hooks.example/services/S
--encryption_key=S
--token:S
--set db.user=x,db.password=S
-pS
-uuser:S
-U user:S
--user user:S
--user=user:S
--proxy-user=me:S
--userpwd me:S
--proxy http://u:S@proxy:80
-x u:S@proxy:80
scp me:S@host:/x
-HAuthorization:\ S
-H "X-Custom: S"
-H "X-Api-Key: S"
--header=X-Auth-Token:S
--header "Proxy-Authorization: Digest S"
--headers '{"Authorization": "Bearer S"}'
--cookie "a=S"
--conn "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=S==;EndpointSuffix=core"
--conn "Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=S"
--conn "BlobEndpoint=https://h/;SharedAccessSignature=sv=1&sig=S"
"host=h password=S user=x"
"host=h password='a S' user=x"
--dsn "host=h user=x password=a S dbname=y"
"Driver={ODBC};UID=u;PWD={a;S};Server=h"
'{"a": {"db_password": "S", "n": 1}}'
"{'password': 'my S'}"
"{password: my S, user: x}"
--json='{"secrets": ["S", "S2"]}'
--secrets S S2
-P password=S
-Ppassword=S
--set=a.b=1,c.token=S
db.password=S
+db.password=S
/password:S
auth[password]=S
--dbpass S
--dbpw=S
--authtoken S
--hf_token S
--hfToken S
PGPASSWORD=S
MYSQL_PWD=S
AWS_SECRET_ACCESS_KEY=S
--aws-secret-access-key S
-passin pass:S
--api-keys S
--private_key=S
--client-secret=S
--pin S
--otp S
--session-id S
--credentials S
--creds u:S
https://h/x?X-Amz-Signature=S&X-Amz-Date=1
https://h/x?X-Amz-Security-Token=S
https://h/x#access_token=S
https://hooks.slack.com/services/T00/B00/S
https://discord.com/api/webhooks/123/S
https://outlook.office.com/webhook/S
https://maker.ifttt.com/trigger/x/with/key/S
redis://:S@h:6379/0
mongodb+srv://u:S@h/db
amqp://u:S@h
--url "jdbc:postgresql://h/db?user=u&password=S"
--url=jdbc:mysql://h/db;password=S
snowflake://u:S@acc/db?role=x
--notify=https://hooks.example.com/S
git+https://S@github.com/x/y.git
-c "login(user='x', password='S')"
-c 'requests.get(u, headers={"X-Api-Key": "S"})'
--auth=Bearer\ S
--bearer S
--sas-token "?sv=2020&sig=S"
--sas S
--signature S
--smtp "smtp://u:S@h"
--login me:S
--basic-auth me:S
--env "TOKEN=S"
--token=S
--token "a S"
--wandb-key S
--license-key S
--pass=S
--psk S
"user=x;token=S"
--config "password: S"
--pass-phrase S
--access-token=S
--pat S
--key S
--encryption-passphrase=S
--postgres-password:S
--oauth S
--mfa-code S
--seed-phrase S
--recovery-code S
--passkey S
--passwrd S
--hmac S
"login --password S now"
"--password S"
--opts "--x 1 --db-password 'a S' --y"
sh -c "curl -u u:S https://h"
sh -c "mysql -p S"
'["--password", "S"]'
'{"args": ["run", "--password", "S", 3]}'
'{"name": "password", "value": "S"}'
'[{"key": "API_KEY", "value": "S"}]'
--pem S
--salt S
--access-code S
https://h/x?code=S
https://h/x?a=1&code=S&b=2
--mot-de-passe S
--motdepasse=S
--contraseña S
--Lösenord S
--hasło=S
--senha S
--пароль S
--ПАРОЛЬ=S
--密码 S
パスワード=S
'{"пароль": "S"}'
"a=1;пароль=S;b=2"
"""
PLAIN = r"""
--alpha 0.5
--data wine.csv
--tokens 512
--keywords a,b
--password-column pw
--author "A. N."
--max-tokens 100
--tokenizer bert
--keyboard=qwerty --monkey see
--sort-key name
--opts "--alpha 0.5 --max-tokens 3"
'["--alpha", "0.5"]'
'{"name": "alpha", "value": "3"}'
"a -> b"
--primary-key id
-p 8080
-k token
--pass 2
--passes 3
--n-passes=3
--sig 0.05
--patience 5
--path a/b
--pattern "*.csv"
--input=s3://bucket/x/y.csv
--url https://h/x?a=1&b=2
--uri runs:/3fa9c1d2e4b5a6978899aabbccddeeff/model
--run 3fa9c1d2e4b5a6978899aabbccddeeff
models:/coffee@champion
--model=models:/coffee@champion
--date 2026-01-01T10:00:00
--time 10:30
-u train.py
--user ann
--bypass-cache yes
--compass north
--lowpass 3
--password-file p.txt
--token-type bpe
--no-auth data.csv
--json '{"alpha":0.5,"b":[1,2]}'
-H "Accept: text/csv"
--set model.alpha=0.5,model.l1_ratio=0.1
model.alpha=0.5
C:\data\x.csv
--out=C:\data\x.csv
--cross-validation 5
--signal x
--authority x
--secretary x
--hockey x
--keys a,b
--group-keys a
--columns a:b
--header 0
--headers a,b
--sasl plain
--patch 3
--pin-memory yes
https://h/x?code=404
--größe 3
--имя x
--pinned x
--passenger x
--passengers-file x.csv
--seed=42
--name "token ring"
--help
-c "print('hello')"
--cookiecutter x
--index-key a
"""


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["--api-key=abc"], ["--api-key=***"]),
        (["--api_key", "abc"], ["--api_key", "***"]),
        (["--password", "x y", "--lr", "0.1"], ["--password", "***", "--lr", "0.1"]),
        (["--dbPassword", "abc"], ["--dbPassword", "***"]),
        (["--token", "-v", "data"], ["--token", "***", "data"]),
        (["--token", "--Qx7", "data"], ["--token", "***", "data"]),
        (["--token", "--verbose", "data"], ["--token", "--verbose", "data"]),
        (["DB_PASSWORD=abc"], ["DB_PASSWORD=***"]),
        (["db.password=abc"], ["db.password=***"]),
        (["-DsecretKey=abc"], ["-DsecretKey=***"]),
        (["--hub-token=a=b"], ["--hub-token=***"]),
        (["postgresql://me:pw@host/db"], ["postgresql://***@host/db"]),
        (["--url=https://h/?token=abc&x=1"], ["--url=https://h/?token=***&x=1"]),
        (["-H", "Authorization: Bearer abc.def"], ["-H", "Authorization: Bearer ***"]),
        (["-c", "login(password='abc', x=1)"], ["-c", "login(password='***', x=1)"]),
        (['{"api_key": "abc", "n": 1}'], ['{"api_key": "***", "n": 1}']),
        (["ghp_" + "a1" * 18], ["***"]),
        (["hf_" + "a1" * 17], ["***"]),
        (["AKIA" + "A1" * 8], ["***"]),
        (["eyJhbGciOiJI.eyJzdWIiOiIx.abc"], ["***"]),
    ],
)
def test_secrets_in_the_command_line_are_masked(given, shown):
    assert masked(["python", "train.py", *given]) == ("python", "train.py", *shown)


@pytest.mark.parametrize(
    "given",
    [
        ["--lr", "0.1", "--tokenizer", "bert", "--max-tokens", "100"],
        ["--keyboard=qwerty", "--monkey", "see"],
        ["--input=data/passengers.csv", "-o", "s3://bucket/x"],
        ["-m", "pytest", "-k", "token"],
        [],
    ],
)
def test_other_arguments_are_left_as_they_are(given):
    assert masked(given) == tuple(given)


@pytest.mark.parametrize("line", SECRET.strip().splitlines())
@pytest.mark.parametrize("secret", ["hunter2", "Qx7!pass-Word", "geheim"])
def test_no_part_of_a_secret_is_left(line: str, secret: str) -> None:
    # As a word of its own, or right behind a short option.
    place = r"(?<![A-Za-z])S(?![A-Za-z])|(?<=^-p)S$"
    arguments = [re.sub(place, secret, argument) for argument in shlex.split(line)]
    assert any(secret in argument for argument in arguments)
    shown = masked(["python", "train.py", *arguments, "--lr", "0.1"])
    assert secret not in " ".join(shown)
    assert "***" in " ".join(shown)
    assert shown[:2] + shown[-2:] == ("python", "train.py", "--lr", "0.1")


@pytest.mark.parametrize("line", PLAIN.strip().splitlines())
def test_what_is_not_secret_stays_readable(line: str) -> None:
    arguments = shlex.split(line.replace("\\", "\\\\"))
    assert masked(arguments) == tuple(arguments)


@given(st.lists(st.text(st.sampled_from("abS-_=:;&,/@?.{}[]'\"\\ \ud800") | st.characters())))
def test_any_command_line_is_masked_without_an_error(command: list[str]) -> None:
    assert len(masked(command)) == len(command)


@given(st.sampled_from(["--password", "--api-key", "--db_pass", "--hubToken"]), st.text())
def test_whatever_an_option_of_a_secret_has_is_masked(option: str, value: str) -> None:
    shown = masked([f"{option}={value}"])[0]
    assert re.fullmatch(rf"{option}=(\w+\s+)?\*\*\*", shown) if value else shown == f"{option}="


@pytest.mark.parametrize("unit", ["a", "a=", "password=", "@", "a@ ", "[{", "://", "https://a/",
                                  "x;", "hook/", "&a ", "eyJ", "sk-", "-"])  # fmt: skip
def test_long_arguments_take_no_time(unit: str) -> None:
    argument = unit * (19_000 // len(unit))
    assert fastest(lambda: masked([argument, f"--x={argument}"])) < 0.5
    assert len("".join(masked([unit * 100_000, f"--x={unit * 100_000}"]))) < 100
