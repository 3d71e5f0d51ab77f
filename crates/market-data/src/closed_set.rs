//! One macro for closed sets: an enum, its spelling, its parsing and the list of all members.

use thiserror::Error;

/// A name that is not a member of a closed set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown {set} {name:?}; known: {known}")]
pub struct UnknownName {
    /// What the name was taken for, such as `dataset`.
    pub set: &'static str,
    /// The name as it came.
    pub name: String,
    /// The members, comma separated.
    pub known: String,
}

macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident, $set:literal { $($(#[$member_doc:meta])* $member:ident => $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$member_doc])* $member,)+
        }

        impl $name {
            /// Every member, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$member,)+];

            /// Returns the one spelling that paths, labels and the wire use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$member => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|member| member.as_str() == name).ok_or_else(|| $crate::UnknownName {
                    set: $set,
                    name: name.chars().take(80).collect(),
                    known: Self::ALL.iter().map(|member| member.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                name.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use closed_set;
