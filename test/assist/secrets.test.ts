import { describe, expect, it } from "vitest";
import { isSecretPath, whySecret } from "../../src/assist/secrets.ts";

it.each([
  ...["prod.env", "config.env", ".envrc", ".env-prod", ".env.local", "env.local", "terraform.tfstate"],
  ...["secrets.production.yaml", ".secrets", "client_secret.json", "service_account.json", "google-credentials.json"],
  ...[
    "id_ed25519_sk",
    "id_rsa_work",
    "kubeconfig",
    ".vault-token",
    ".my.cnf",
    "_netrc",
    ".yarnrc.yml",
    "wp-config.php",
  ],
  ...["appsettings.Production.json", "private.pem.bak", ".pgpass.bak", ".env~", "terraform.tfstate.backup"],
  ...["deploy/clientSecret.json", "googleServiceAccount.json", "passwords.txt", "SECRETS.YAML"],
])("%s holds secrets by its name", (path) => {
  expect(isSecretPath(path)).toBe(true);
});

it.each([
  ...["prod.env.example", "secrets.yaml.sample", "id_rsa.pub", "id_ed25519_sk.pub", "src/secrets.ts", "Secretary.md"],
  ...["environment.json", "keys.ts", "src/env.ts", "tokenizer.json", "password-reset.tsx", "appsettings.json"],
])("%s holds none by its name", (path) => {
  expect(isSecretPath(path)).toBe(false);
});

/** Put together here, so that this file holds no secret itself. */
const of = (...parts: readonly string[]) => parts.join("");

describe("a text with secrets", () => {
  it.each([
    ["a.txt", of("-----BEGIN ", "PRIVATE KEY-----\nx"), "it holds a private key"],
    ["a.txt", of("x\n-----END RSA ", "PRIVATE KEY-----"), "it holds a private key"],
    ["a.asc", of("-----BEGIN PGP ", "PRIVATE KEY BLOCK-----"), "it holds a private key"],
    ["a.py", of("key = 'AK", "IAQ3EGRIPMZT4XK7LB'"), "it holds what looks like a token"],
    ["a.md", of("gh", "p_", "a1B2".repeat(9)), "it holds what looks like a token"],
    ["a.js", of("const k = 's", "k-proj-Ab12", "Cd34".repeat(8), "'"), "it holds what looks like a token"],
    ["a.js", of("xo", "xb-123456789012-", "abcDEF123456"), "it holds what looks like a token"],
    ["a.py", of('password = "', 'hunter2hunter2"'), "it holds what looks like a password"],
    ["a.json", of('{"db_password": "', 'tr0ub4dor&3"}'), "it holds what looks like a password"],
    ["a.yaml", of("db:\n  password: ", "tr0ub4dor&3\n"), "it holds what looks like a password"],
    ["a.ts", of('apiKey: "', '9f86d081884c7d659a2feaa0"'), "it holds what looks like a key"],
  ])("is told: %s", (path, text, why) => {
    expect(whySecret(path, text)).toBe(why);
  });

  it.each([
    ["a.ts", "const password = process.env.PASSWORD_2;"],
    ["a.ts", 'const password = process.env["PASSWORD_2"];'],
    ["a.ts", "password: z.string().min(8),"],
    ["a.ts", 'label: { password: "Kennwort" }'],
    ["a.py", 'password = os.environ["DB_PASSWORD1"]'],
    ["a.sh", 'PASSWORD="$(pass show db1)"'],
    ["a.yaml", `password: \${DB_PASSWORD_1}`],
    ["a.yaml", "password: <your-password-1>"],
    ["a.yaml", "password: change-me-1"],
    ["a.md", "AKIAIOSFODNN7EXAMPLE"],
    ["a.css", ".task-sk-loader-animation-wrapper-large { }"],
    ["a.ts", 'token: "authorization_code"'],
  ])("is no text that names one alone: %s: %s", (path, text) => {
    expect(whySecret(path, text)).toBeUndefined();
  });

  it("is found in time, whatever the text", () => {
    const beginMs = performance.now();
    for (const piece of ["sk-", "password=", "password = '", "AKIA", "a", "token : ", "-----BEGIN A A A "])
      whySecret("a.yaml", piece.repeat(Math.ceil(262_144 / piece.length)));
    expect(performance.now() - beginMs).toBeLessThan(5_000);
  });
});
