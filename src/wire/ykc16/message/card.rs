//! Cards for offline charging: 0x43 to 0x48.

use crate::wire::ykc16::code;
use crate::wire::ykc16::field::{Bcd, Counted, Raw, Rest};
use crate::wire::ykc16::layout::{group, messages};
use crate::wire::ykc16::reading::Reading;

messages! {
    /// 0x44: Insert or overwrite. Platforms are known that send the count in 4 octets.
    CardSync 0x44 Down "Offline card sync" pile {
        /// The cards, at most 15.
        items: Counted<OfflineCard, 15>,
    }

    /// 0x43: Answer to 0x44.
    CardSyncReply 0x43 Up "Offline card sync reply" pile {
        /// 0 fail, 1 stored.
        ok: u8 => Reading::Codes(code::DONE),
        /// 1 card number format, 2 out of storage.
        reason: u8 => Reading::Codes(code::CARD_FAILURE),
    }

    /// 0x46: Clears cards.
    CardClear 0x46 Down "Offline card clear" pile {
        /// The cards, at most 24.
        items: Counted<CardNumber, 24>,
    }

    /// 0x45: Answer to 0x46.
    CardClearReply 0x45 Up "Offline card clear reply" pile {
        /// Per card.
        items: Rest<CardCleared, 24>,
    }

    /// 0x48: Are these cards stored?
    CardQuery 0x48 Down "Offline card query" pile {
        /// The cards, at most 26.
        items: Counted<CardNumber, 26>,
    }

    /// 0x47: Answer to 0x48.
    CardQueryReply 0x47 Up "Offline card query reply" pile {
        /// Per card.
        items: Rest<CardPresent, 26>,
    }
}

group! {
    /// A card as the pile stores it.
    OfflineCard {
        /// Logical (printed) card number, left-filled with 0.
        card_logic: Bcd<8>,
        /// Physical card number (reader UID), left-filled with 0; as printed, not turned round.
        card_phys: Raw<8>,
    }
}

group! {
    /// A card that is asked for.
    CardNumber {
        /// Physical card number (reader UID), left-filled with 0; as printed, not turned round.
        card_phys: Raw<8>,
    }
}

group! {
    /// What became of a card.
    CardCleared {
        /// Physical card number (reader UID), left-filled with 0; as printed, not turned round.
        card_phys: Raw<8>,
        /// 0 fail, 1 cleared.
        ok: u8,
        /// 1 format error; 0 or 2 ok: the text contradicts itself.
        reason: u8,
    }
}

group! {
    /// Whether a card is stored.
    CardPresent {
        /// Physical card number (reader UID), left-filled with 0; as printed, not turned round.
        card_phys: Raw<8>,
        /// 0 absent, 1 present.
        exists: u8,
    }
}
