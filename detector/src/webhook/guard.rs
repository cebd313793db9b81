//! Which addresses a webhook may reach: no private or special-purpose one, unless the configuration lists its network.
//!
//! Blocks from the IANA special-purpose address registries (RFC 6890 and its updates). The check sits in the DNS
//! resolver of the HTTP client, so the address that was judged is the one that is connected to: a name cannot point to a
//! public address while it is checked and to a private one a moment later.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

const SPECIAL_V4: [&str; 15] = [
    "0.0.0.0/8",       // this network
    "10.0.0.0/8",      // private
    "100.64.0.0/10",   // shared address space of carriers
    "127.0.0.0/8",     // loopback
    "169.254.0.0/16",  // link-local, cloud metadata
    "172.16.0.0/12",   // private
    "192.0.0.0/24",    // protocol assignments
    "192.0.2.0/24",    // documentation
    "192.88.99.0/24",  // 6to4 relays
    "192.168.0.0/16",  // private
    "198.18.0.0/15",   // benchmarks
    "198.51.100.0/24", // documentation
    "203.0.113.0/24",  // documentation
    "224.0.0.0/4",     // multicast
    "240.0.0.0/4",     // reserved, broadcast
];

const SPECIAL_V6: [&str; 7] = [
    "::/3",          // unspecified, loopback, v4-mapped, NAT64, discard: everything below global unicast
    "2001::/23",     // protocol assignments: Teredo, benchmarks, ORCHID
    "2001:db8::/32", // documentation
    "2002::/16",     // 6to4, which embeds any v4 address
    "3fff::/20",     // documentation
    "4000::/2",      // unassigned, SRv6
    "8000::/1",      // unassigned, unique local, link-local, multicast
];

/// Why an address is not connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Private or special-purpose, and not listed.
    #[error(
        "address `{0}` is private or special-purpose; list its network in `allow_private` if the receiver is there"
    )]
    Private(IpAddr),
    /// Public, but the URL says `http`.
    #[error("address `{0}` is not in `allow_private`, and only those may be reached without TLS; use https")]
    Plain(IpAddr),
    /// The name has no address.
    #[error("`{0}` has no address")]
    NoAddress(String),
}

/// Why a network cannot be listed in `allow_private`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("holds `{0}`, which is not a private or special-purpose network; write e.g. `10.1.0.0/16` or `127.0.0.1`")]
pub struct NotPrivate(String);

/// The addresses one endpoint may be reached at.
#[derive(Debug, Clone, Default)]
pub struct AddressGuard {
    allowed: Arc<[IpNet]>,
    plain: bool,
}

impl AddressGuard {
    /// A guard that lets through public addresses and the listed private networks; with `plain` (no TLS), only the latter.
    ///
    /// # Errors
    /// When an entry is not a network, or reaches into public address space.
    pub fn new<S: AsRef<str>>(allow_private: &[S], plain: bool) -> Result<Self, NotPrivate> {
        let parse = |text: &S| {
            let text = text.as_ref();
            let net = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok();
            net.filter(|net: &IpNet| special().any(|block| block.contains(net)))
                .ok_or_else(|| NotPrivate(text.chars().take(64).collect()))
        };
        let allowed = allow_private.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { allowed, plain })
    }

    /// Judges one address. A v4 address mapped into v6 is judged as the v4 address it leads to.
    ///
    /// # Errors
    /// When it must not be connected to.
    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let address = address.to_canonical();
        if self.allowed.iter().any(|net| net.contains(&address)) {
            return Ok(());
        }
        if special().any(|block| block.contains(&address)) {
            return Err(Refused::Private(address));
        }
        if self.plain { Err(Refused::Plain(address)) } else { Ok(()) }
    }
}

fn special() -> impl Iterator<Item = IpNet> {
    // Every block above parses: a test reads them all.
    SPECIAL_V4.iter().chain(&SPECIAL_V6).filter_map(|block| block.parse().ok())
}

/// Resolves names with the system's resolver and drops the addresses that the guard refuses.
#[derive(Debug, Clone)]
pub(super) struct GuardedResolver(pub(super) AddressGuard);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let mut refused = Refused::NoAddress(name.as_str().to_owned());
            let mut allowed = Vec::with_capacity(found.len());
            for address in found {
                match guard.check(address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(reason) => refused = reason,
                }
            }
            if allowed.is_empty() {
                return Err(refused.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn closed() -> AddressGuard {
        AddressGuard::default()
    }

    #[test]
    fn every_block_is_a_network() {
        assert_eq!(special().count(), SPECIAL_V4.len() + SPECIAL_V6.len());
    }

    #[test]
    fn private_and_special_addresses_are_refused() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(matches!(closed().check(address.parse().unwrap()), Err(Refused::Private(_))), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_let_through() {
        for address in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450::1"] {
            assert_eq!(closed().check(address.parse().unwrap()), Ok(()), "{address}");
        }
    }

    #[test]
    fn listed_network_is_let_through_and_its_neighbour_is_not() {
        let guard = AddressGuard::new(&["10.1.0.0/16", "::1"], false).unwrap();
        assert!(guard.check("10.1.2.3".parse().unwrap()).is_ok());
        assert!(guard.check("::ffff:10.1.2.3".parse().unwrap()).is_ok());
        assert!(guard.check("::1".parse().unwrap()).is_ok());
        assert!(guard.check("10.2.0.1".parse().unwrap()).is_err());
    }

    #[test]
    fn without_tls_only_listed_networks_are_reached() {
        let guard = AddressGuard::new(&["127.0.0.0/8"], true).unwrap();
        assert!(guard.check("127.0.0.1".parse().unwrap()).is_ok());
        assert_eq!(guard.check("1.1.1.1".parse().unwrap()), Err(Refused::Plain("1.1.1.1".parse().unwrap())));
    }

    #[test]
    fn public_space_cannot_be_listed_as_private() {
        for net in ["0.0.0.0/0", "8.8.8.0/24", "10.0.0.0/7", "::/0", "nonsense"] {
            assert!(AddressGuard::new(&[net], false).is_err(), "{net}");
        }
    }

    #[tokio::test]
    async fn name_that_leads_to_a_private_address_is_refused_by_the_resolver() {
        let name = || "localhost".parse::<Name>().unwrap();
        let refused = GuardedResolver(closed()).resolve(name()).await.err().unwrap();
        assert!(refused.to_string().contains("is private or special-purpose"), "{refused}");

        let open = AddressGuard::new(&["127.0.0.0/8"], false).unwrap();
        let addresses: Vec<_> = GuardedResolver(open).resolve(name()).await.unwrap().collect();
        assert!(addresses.iter().all(|address| address.ip().to_canonical().is_ipv4()), "{addresses:?}");
    }

    proptest! {
        // A v4 address is judged the same whichever way it is written.
        #[test]
        fn mapping_into_v6_changes_nothing(bits: u32) {
            let v4 = std::net::Ipv4Addr::from_bits(bits);
            prop_assert_eq!(closed().check(v4.into()), closed().check(v4.to_ipv6_mapped().into()));
        }
    }
}
