//! Every type, edge values included: from a real server through our codecs and back into it.

mod round;
mod values;
