"""The judgement: tables of single decisions, and promises over all small worlds."""
