-- Selection: bids on certain auctions.
CREATE TABLE answer (auction BIGINT, price BIGINT) WITH (${SINK});

INSERT INTO answer
SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0;
