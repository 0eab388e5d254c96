"""kill -9 of the daemon in the middle of a redrive: it goes on, with nothing lost or doubled"""

from pathlib import Path

from broker.client import Client
from tests.daemon import running_daemon

MESSAGES = 400
KILLS = 3


def test_a_redrive_that_is_killed_again_and_again_moves_every_message_once(
    tmp_path: Path,
) -> None:
    with running_daemon(tmp_path) as daemon:
        with Client(daemon.url) as client:
            client.put_queue("dead")
            client.put_queue("attic")
            client.send_many("dead", [str(n) for n in range(MESSAGES)])
            task = client.start_redrive("dead", destination="attic", messages_per_second=200)
        for _ in range(KILLS):
            with Client(daemon.url) as client:
                before = client.redrive("dead", task.id).moved
                while client.redrive("dead", task.id).moved == before:
                    pass
            daemon.kill()
            daemon.start()
        with Client(daemon.url) as client:
            while not client.redrive("dead", task.id).ended:
                pass
            ended = client.redrive("dead", task.id)
            assert (ended.status, ended.moved) == ("COMPLETED", MESSAGES)
            moved = [message.body for message in client.peek("attic", count=1_000).items]
            assert moved == [str(n) for n in range(MESSAGES)]
            assert client.peek("dead").items == []
