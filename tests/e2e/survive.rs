//! survive
