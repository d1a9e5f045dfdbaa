//! Passkeys: what a relying party verifies that asks for no attestation (Web Authentication Level 3, sections 7.1 and 7.2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

/// Bytes of a credential id at most (section 4).
const LONGEST_ID: usize = 1023;

/// Flags of authenticator data (section 6.1).
const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;

/// Bytes before the credential: hash of the relying party, flags, counter.
const HEAD: usize = 37;

/// What an ES256 key begins with in the one form that CTAP2 allows (RFC 9053, section 7.1.1): `kty` EC2, `alg` ES256, `crv` P-256.
const ES256: &[u8] = &[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20];
const ES256_Y: &[u8] = &[0x22, 0x58, 0x20];

/// The same for RS256 with 2,048 bits and the exponent 65537 (RFC 8230, section 4): `kty` RSA, `alg` RS256.
const RS256: &[u8] = &[0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x59, 1, 0];
const RS256_E: &[u8] = &[0x21, 0x43];
const EXPONENT: &[u8] = &[1, 0, 1];

/// Who asks for passkeys.
pub(crate) struct RelyingParty<'r> {
    /// The host to which passkeys belong.
    pub(crate) id: &'r str,
    /// The origin of the pages.
    origin: String,
}

/// What a browser answers, decoded.
pub(crate) struct Answer {
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
}

/// A passkey that was made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Made {
    /// Its id in Base64url.
    pub(crate) id: String,
    pub(crate) key: PublicKey,
    pub(crate) counter: u32,
}

/// A public key as `COSE_Key`, in Base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey(pub(crate) String);

/// Why an answer proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unproven {
    #[error("it cannot be read")]
    Malformed,
    #[error("it is an answer to another question")]
    OtherQuestion,
    #[error("it was given to another site")]
    OtherSite,
    #[error("the authenticator did not see or verify the person")]
    NotVerified,
    #[error("the key is neither ES256 nor RS256")]
    Key,
    #[error("the signature is wrong")]
    Signature,
    #[error("the passkey may have been copied: its counter went back")]
    Counter,
}

/// `CollectedClientData` (section 5.8.1).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
}

/// The head of authenticator data.
struct Head<'a> {
    flags: u8,
    counter: u32,
    rest: &'a [u8],
}

impl Answer {
    /// Of two fields in Base64url.
    pub(crate) fn decode(client_data: &str, authenticator_data: &str) -> Option<Self> {
        Some(Self {
            client_data: URL_SAFE_NO_PAD.decode(client_data).ok()?,
            authenticator_data: URL_SAFE_NO_PAD.decode(authenticator_data).ok()?,
        })
    }
}

impl<'r> RelyingParty<'r> {
    /// That at `url`; nothing where the host is an address, which can have none.
    pub(crate) fn at(url: &'r Url) -> Option<Self> {
        let origin = url.origin().ascii_serialization();
        let id = url.domain()?;
        Some(Self { id, origin })
    }

    /// Looks at a passkey that was made for `challenge`.
    pub(crate) fn made(&self, challenge: &str, answer: &Answer) -> Result<Made, Unproven> {
        let head = self.look(("webauthn.create", challenge), answer)?;
        if head.flags & HAS_CREDENTIAL == 0 {
            return Err(Unproven::Malformed);
        }
        let parts = || {
            // Behind the AAGUID, which says what made it: nobody asks.
            let (length, rest) = head.rest.get(16..)?.split_first_chunk::<2>()?;
            let length = usize::from(u16::from_be_bytes(*length));
            rest.split_at_checked(length)
                .filter(|_| (1..=LONGEST_ID).contains(&length))
        };
        let (id, key) = parts().ok_or(Unproven::Malformed)?;
        let key = key.get(..key_length(key)?).ok_or(Unproven::Key)?;
        let key = PublicKey(URL_SAFE_NO_PAD.encode(key));
        key.verifier().ok_or(Unproven::Key)?;
        Ok(Made {
            id: URL_SAFE_NO_PAD.encode(id),
            key,
            counter: head.counter,
        })
    }

    /// Whether the passkey with this key and counter signed `challenge`; its counter then.
    pub(crate) fn proven(
        &self,
        challenge: &str,
        (answer, signature): (&Answer, &str),
        (key, counter): (&PublicKey, u32),
    ) -> Result<u32, Unproven> {
        let head = self.look(("webauthn.get", challenge), answer)?;
        let signature = URL_SAFE_NO_PAD.decode(signature);
        let signature = signature.map_err(|_| Unproven::Malformed)?;
        let signed = Sha256::digest(&answer.client_data);
        let signed = [answer.authenticator_data.as_slice(), signed.as_slice()].concat();
        let verifier = key.verifier().ok_or(Unproven::Key)?;
        verifier.verify(&signed, &signature)?;
        // Section 6.1.1: those that many devices share stay at zero.
        if (head.counter, counter) != (0, 0) && head.counter <= counter {
            return Err(Unproven::Counter);
        }
        Ok(head.counter)
    }

    /// What holds for both ceremonies.
    fn look<'a>(
        &self,
        (kind, challenge): (&str, &str),
        answer: &'a Answer,
    ) -> Result<Head<'a>, Unproven> {
        let said: ClientData =
            serde_json::from_slice(&answer.client_data).map_err(|_| Unproven::Malformed)?;
        if said.kind != kind || said.challenge != challenge {
            return Err(Unproven::OtherQuestion);
        }
        if said.origin != self.origin || said.cross_origin {
            return Err(Unproven::OtherSite);
        }
        let data = answer.authenticator_data.as_slice();
        let (head, rest) = data.split_at_checked(HEAD).ok_or(Unproven::Malformed)?;
        let (hash, head) = head.split_at(32);
        if hash != Sha256::digest(self.id).as_slice() {
            return Err(Unproven::OtherSite);
        }
        let flags = head[0];
        let has = |flag| flags & flag != 0;
        if !has(USER_PRESENT) || !has(USER_VERIFIED) {
            return Err(Unproven::NotVerified);
        }
        if has(BACKED_UP) && !has(BACKUP_ELIGIBLE) {
            return Err(Unproven::Malformed);
        }
        let counter = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        Ok(Head {
            flags,
            counter,
            rest,
        })
    }
}

/// A key that verifies.
enum Verifier {
    Es256(Vec<u8>),
    Rs256(Vec<u8>),
}

impl Verifier {
    fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), Unproven> {
        let verified = match self {
            Self::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(signed, signature)
            }
            Self::Rs256(n) => RsaPublicKeyComponents {
                n: n.as_slice(),
                e: EXPONENT,
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature),
        };
        verified.map_err(|_| Unproven::Signature)
    }
}

/// Bytes of the key that `text` begins with; extensions may follow it.
fn key_length(text: &[u8]) -> Result<usize, Unproven> {
    if text.starts_with(ES256) {
        Ok(ES256.len() + 32 + ES256_Y.len() + 32)
    } else if text.starts_with(RS256) {
        Ok(RS256.len() + 256 + RS256_E.len() + EXPONENT.len())
    } else {
        Err(Unproven::Key)
    }
}

impl PublicKey {
    fn verifier(&self) -> Option<Verifier> {
        let key = URL_SAFE_NO_PAD.decode(&self.0).ok()?;
        if let Some(rest) = key.strip_prefix(ES256) {
            let (x, rest) = rest.split_at_checked(32)?;
            let y = rest.strip_prefix(ES256_Y).filter(|it| it.len() == 32)?;
            return Some(Verifier::Es256([&[4], x, y].concat()));
        }
        let (n, rest) = key.strip_prefix(RS256)?.split_at_checked(256)?;
        let exponent = rest.strip_prefix(RS256_E)?;
        (exponent == EXPONENT).then(|| Verifier::Rs256(n.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

    use super::*;

    const CHALLENGE: &str = "Y2hhbGxlbmdl";

    /// An authenticator of ES256.
    struct Authenticator(EcdsaKeyPair);

    impl Authenticator {
        fn new() -> Self {
            let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
            let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).unwrap())
        }

        fn credential(&self) -> Vec<u8> {
            let point = self.0.public_key().as_ref();
            let id: &[u8] = b"an id";
            [
                [0; 16].as_slice(),
                &[0, 5],
                id,
                ES256,
                &point[1..33],
                ES256_Y,
                &point[33..],
            ]
            .concat()
        }

        fn sign(&self, answer: &Answer) -> String {
            let hash = Sha256::digest(&answer.client_data);
            let signed = [answer.authenticator_data.as_slice(), &hash].concat();
            let signature = self.0.sign(&SystemRandom::new(), &signed).unwrap();
            URL_SAFE_NO_PAD.encode(signature)
        }
    }

    fn answer(kind: &str, flags: u8, counter: u32, rest: &[u8]) -> Answer {
        let client_data = format!(
            r#"{{"type":"{kind}","challenge":"{CHALLENGE}","origin":"https://contoso.example","crossOrigin":false}}"#
        );
        let hash = Sha256::digest("contoso.example");
        let data = [hash.as_slice(), &[flags], &counter.to_be_bytes(), rest].concat();
        Answer {
            client_data: client_data.into_bytes(),
            authenticator_data: data,
        }
    }

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_passkey_is_made_and_signs_in() {
        let (url, key) = (url("https://contoso.example/"), Authenticator::new());
        let party = RelyingParty::at(&url).unwrap();

        let made = answer("webauthn.create", 0x45, 0, &key.credential());
        let made = party.made(CHALLENGE, &made).unwrap();
        assert_eq!((made.id.as_str(), made.counter), ("YW4gaWQ", 0));

        let check = |flags, counter, kept, expected| {
            let answer = answer("webauthn.get", flags, counter, &[]);
            let proof = (&answer, key.sign(&answer));
            let found = party.proven(CHALLENGE, (proof.0, &proof.1), (&made.key, kept));
            assert_eq!(found, expected, "{flags:x} {counter} {kept}");
        };
        check(5, 0, 0, Ok(0));
        check(5, 7, 6, Ok(7));
        check(0x1d, 7, 6, Ok(7));
        check(5, 7, 7, Err(Unproven::Counter));
        check(5, 0, 7, Err(Unproven::Counter));
        check(1, 7, 6, Err(Unproven::NotVerified));
        check(4, 7, 6, Err(Unproven::NotVerified));
        check(0x15, 7, 6, Err(Unproven::Malformed));
    }

    #[test]
    fn an_answer_to_another_question_or_site_proves_nothing() {
        let (url, key) = (url("https://contoso.example/"), Authenticator::new());
        let party = RelyingParty::at(&url).unwrap();
        let made = answer("webauthn.create", 0x45, 0, &key.credential());
        let kept = party.made(CHALLENGE, &made).unwrap().key;
        let check = |from: &str, to: &str, expected: Unproven| {
            let mut answer = answer("webauthn.get", 5, 0, &[]);
            let text = String::from_utf8(answer.client_data).unwrap();
            answer.client_data = text.replace(from, to).into_bytes();
            let signature = key.sign(&answer);
            let found = party.proven(CHALLENGE, (&answer, &signature), (&kept, 0));
            assert_eq!(found, Err(expected), "{to}");
        };
        check(CHALLENGE, "b3RoZXI", Unproven::OtherQuestion);
        check("webauthn.get", "webauthn.create", Unproven::OtherQuestion);
        check("https://contoso", "http://contoso", Unproven::OtherSite);
        check(
            "contoso.example",
            "contoso.example.org",
            Unproven::OtherSite,
        );
        check(":false", ":true", Unproven::OtherSite);
        check("{", "[", Unproven::Malformed);

        let mut elsewhere = answer("webauthn.get", 5, 0, &[]);
        elsewhere.authenticator_data[0] ^= 1;
        let signature = key.sign(&elsewhere);
        let found = party.proven(CHALLENGE, (&elsewhere, &signature), (&kept, 0));
        assert_eq!(found, Err(Unproven::OtherSite));
        let right = answer("webauthn.get", 5, 0, &[]);
        for signature in [Authenticator::new().sign(&right), String::new()] {
            let found = party.proven(CHALLENGE, (&right, &signature), (&kept, 0));
            assert_eq!(found, Err(Unproven::Signature));
        }
    }

    #[test]
    fn what_is_no_passkey_is_not_kept() {
        let (url, key) = (url("https://contoso.example/"), Authenticator::new());
        let party = RelyingParty::at(&url).unwrap();
        let whole = key.credential();
        for end in 0..whole.len() {
            let cut = answer("webauthn.create", 0x45, 0, &whole[..end]);
            assert!(party.made(CHALLENGE, &cut).is_err(), "{end}");
        }
        let extended = [whole.as_slice(), &[0xa0]].concat();
        let extended = answer("webauthn.create", 0xc5, 0, &extended);
        assert!(
            party.made(CHALLENGE, &extended).is_ok(),
            "extensions follow"
        );
        let without = answer("webauthn.create", 5, 0, &whole);
        assert_eq!(party.made(CHALLENGE, &without), Err(Unproven::Malformed));
        let mut other = whole.clone();
        other[27] = 0x27;
        let other = answer("webauthn.create", 0x45, 0, &other);
        assert_eq!(party.made(CHALLENGE, &other), Err(Unproven::Key));
    }

    #[test]
    fn an_address_has_no_passkeys() {
        assert!(RelyingParty::at(&url("http://127.0.0.1:8080/a")).is_none());
        assert!(RelyingParty::at(&url("https://[::1]/")).is_none());
        let at_port = url("http://localhost:8080/identity/contoso");
        let party = RelyingParty::at(&at_port).unwrap();
        assert_eq!(
            (party.id, party.origin.as_str()),
            ("localhost", "http://localhost:8080")
        );
    }
}
