/** Names of files that hold passwords and keys, by the conventions of the programs that read them. */
const SECRET_NAMES: readonly RegExp[] = [
  /^\.env(\..+)?$/,
  /^\.(npmrc|pypirc|netrc|pgpass|htpasswd|git-credentials|dockercfg)$/,
  /^(credentials|secrets?)(\.(json|ya?ml|toml|ini|env))?$/,
  /^id_(rsa|dsa|ecdsa|ed25519)$/,
  /\.(pem|key|p12|pfx|jks|keystore|kdbx|ppk|tfvars)$/,
  /^service-account.*\.json$/,
];

/** Files that show which secrets there are, without them. */
const EXAMPLES = /\.(example|sample|template|dist)$/;

/** Whether a file's name says that it holds secrets. */
export function isSecretPath(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  return !EXAMPLES.test(name) && SECRET_NAMES.some((form) => form.test(name));
}

/** Whether a text holds a private key. */
export function hasPrivateKey(text: string): boolean {
  return /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----/.test(text);
}
