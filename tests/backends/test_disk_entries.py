"""What the engine's lists say of the disk, with fields that are absent, null, or strange."""

from __future__ import annotations

from tests.backends.disk_answers import answer
from tui.backends.docker import disk_entries
from tui.backends.docker.disk_users import users_of_volume, uses

C1 = "b61f735405ebbeddc8d5bab2fbee771339b592a38c5ecf47d510c6d26c911e0a"
C2 = "3059b8e191240e5d1da092febc6dd34b4f554efecd893662525c19fb8a4be737"
HEX = "ab" * 32


class TestRecorded:
    def test_images_know_their_containers_and_steps(self) -> None:
        used = uses(answer("containers-docker-20.10"))
        found = disk_entries.images(answer("images-docker-20.10"), {}, frozenset(), used)
        by_tag = {image.tags[0]: image for image in found if image.tags}
        assert by_tag["kit:1"].used_by == (C1,)
        assert by_tag["envtui-rig:1"].used_by == (C2,)
        assert by_tag["classic:1"].used_by == ()
        assert by_tag["classic:1"].labels == {"x": "y"}
        steps = [image for image in found if not image.tags]
        assert len(steps) == 5 and all(image.is_intermediate and not image.digests for image in steps)
        assert not any(image.is_intermediate for image in by_tag.values())

    def test_volumes(self) -> None:
        used = uses(answer("containers-docker-20.10"))
        sizes = answer("df-docker-20.10")["Volumes"]
        anonymous, named = disk_entries.volumes(answer("volumes-docker-20.10")["Volumes"], sizes, used)
        assert (named.name, named.size_bytes, named.used_by, named.is_anonymous) == (
            "named", 5000000, (C1,), False,
        )  # fmt: skip
        assert (anonymous.size_bytes, anonymous.used_by, anonymous.is_anonymous) == (0, (C1,), True)
        assert named.created_at and named.mount_point.endswith("/named/_data")

    def test_a_network_that_a_container_was_never_started_in(self) -> None:
        used = uses(answer("containers-docker-20.10"))
        (network,) = disk_entries.networks(answer("networks-docker-20.10"), used)
        assert (network.name, network.labels, network.used_by) == ("mynet", {"a": "b"}, (C2,))

    def test_build_records(self) -> None:
        old = disk_entries.build_records(answer("df-docker-20.10")["BuildCache"])
        new = disk_entries.build_records(answer("df-api-1.44")["BuildCache"])
        assert old == new and len(old) == 7
        record = next(each for each in old if each.id == "w18iebgxhwcjecw4h28o1tlme")
        assert record.parents == ("2ueux5uicpvemz60k2a92mzeq",)
        assert (record.size_bytes, record.is_shared, record.in_use, record.usage_count) == (
            1000000, True, False, 1,
        )  # fmt: skip
        assert record.created_at and record.last_used_at

    def test_podman(self) -> None:
        used = uses(answer("containers-podman-4.3"))
        (image,) = disk_entries.images(answer("images-podman-4.3"), {}, frozenset(), used)
        assert image.tags == ("docker.io/library/rig:latest",) and len(image.used_by) == 1
        assert disk_entries.shared_bytes(answer("df-podman-4.3")["Images"]) == {image.id: 0}
        sizes = answer("df-podman-4.3")["Volumes"]
        anonymous, named = disk_entries.volumes(answer("volumes-podman-4.3")["Volumes"], sizes, used)
        assert (named.used_by, named.size_bytes, anonymous.used_by) == (image.used_by, 0, ())
        assert disk_entries.networks(answer("networks-podman-4.3"), used) == ()
        (layer,) = disk_entries.container_layers(answer("containers-podman-4.3"))
        assert layer.size_bytes == 12


class TestUsers:
    def test_an_image_is_found_by_its_name_where_no_id_is_told(self) -> None:
        used = uses([{"Id": "c", "Image": "box"}, {"Id": "d", "ImageID": HEX}, {"Id": "e", "Image": HEX}])
        listed = [{"Id": f"sha256:{HEX}", "RepoTags": ["box:latest"]}]
        assert disk_entries.images(listed, {}, frozenset(), used)[0].used_by == ("c", "d", "e")

    def test_a_volume_of_a_list_without_mounts_may_be_used(self) -> None:
        used = uses([{"Id": "c"}, {"Id": "d", "Mounts": [{"Type": "volume", "Name": "v"}]}])
        assert users_of_volume("v", "", used) == ("d",)
        assert users_of_volume("w", "", used) is None

    def test_a_volume_is_used_by_its_folder_too(self) -> None:
        mounts = [{"Type": "bind", "Source": "/var/volumes/v/_data/sets", "Destination": "/sets"}]
        used = uses([{"Id": "c", "Mounts": mounts}])
        assert users_of_volume("v", "/var/volumes/v/_data", used) == ("c",)
        assert users_of_volume("w", "/var/volumes/w/_data", used) == ()

    def test_a_volume_that_the_engine_counts_users_of_may_be_used(self) -> None:
        sizes = [{"Name": "v", "UsageData": {"RefCount": 1, "Size": 3}}]
        (volume,) = disk_entries.volumes([{"Name": "v"}], sizes, ())
        assert (volume.size_bytes, volume.used_by) == (3, None)

    def test_a_network_is_used_by_its_id_too(self) -> None:
        told = {"Networks": {"other name": {"NetworkID": "n"}}}
        used = uses([{"Id": "c", "NetworkSettings": told}, {"Id": "d", "HostConfig": {"NetworkMode": "net"}}])
        (network,) = disk_entries.networks([{"Id": "n", "Name": "net"}], used)
        assert network.used_by == ("c", "d")


class TestStrange:
    def test_nothing_but_an_id(self) -> None:
        (image,) = disk_entries.images([{"Id": "sha256:a"}], {}, frozenset(), ())
        assert (image.size_bytes, image.shared_bytes, image.created_at, image.tags) == (None,) * 3 + ((),)
        (volume,) = disk_entries.volumes([{"Name": "v"}], [], ())
        assert (volume.size_bytes, volume.created_at, volume.driver) == (None, None, "local")
        assert disk_entries.container_layers([{"Id": "c"}])[0].size_bytes is None
        assert disk_entries.build_records([{"ID": "r"}])[0].size_bytes is None

    def test_fields_of_other_kinds(self) -> None:
        image = {"Id": "sha256:a", "RepoTags": "x", "Labels": [1], "Size": "big", "Created": None}
        assert disk_entries.images([image], {}, frozenset(), ())[0].size_bytes is None
        broken = {"Id": "c", "NetworkSettings": [], "Mounts": [None, 3], "HostConfig": 7, "ImageID": None}
        assert uses([broken])[0].volumes == frozenset()

    def test_minus_one_is_not_known(self) -> None:
        sizes = [{"Name": "v", "UsageData": {"RefCount": -1, "Size": -1}}]
        assert disk_entries.volumes([{"Name": "v"}], sizes, ())[0].size_bytes is None
        assert disk_entries.container_layers([{"Id": "c", "SizeRw": -1}])[0].size_bytes is None

    def test_a_writable_layer_without_a_byte_is_left_out_of_the_answer(self) -> None:
        assert disk_entries.container_layers([{"Id": "c", "SizeRootFs": 5}])[0].size_bytes == 0

    def test_an_image_of_a_registry_without_a_tag_is_no_step_of_a_build(self) -> None:
        listed = [
            {"Id": "sha256:a", "RepoTags": ["<none>:<none>"], "RepoDigests": ["box@sha256:1"]},
            {"Id": "sha256:b", "ParentId": "sha256:a", "RepoDigests": ["<none>@<none>", "<none>@sha256:2"]},
        ]
        first, second = disk_entries.images(listed, {}, frozenset(), ())
        assert (first.tags, first.digests, first.is_intermediate) == ((), ("box@sha256:1",), False)
        assert (second.digests, second.is_intermediate, second.parent_id) == ((), False, "sha256:a")

    def test_hostile_text_is_kept_as_it_is(self) -> None:
        labels = {"owner": "\x1b[31m[b]\nx\ud800", "": "$(reboot)"}
        (volume,) = disk_entries.volumes([{"Name": "v", "Labels": labels}], [], ())
        assert volume.labels == labels

    def test_networks_of_the_engine_and_of_a_swarm_are_left_out(self) -> None:
        listed: list[dict[str, object]] = [
            {"Id": "1", "Name": "bridge"}, {"Id": "2", "Name": "x", "Ingress": True},
            {"Id": "3", "Name": "y", "Scope": "swarm"}, {"Id": "4", "Name": "z", "Scope": "local"},
        ]  # fmt: skip
        assert [each.name for each in disk_entries.networks(listed, ())] == ["z"]

    def test_anonymous_by_its_label(self) -> None:
        labels = {"com.docker.volume.anonymous": ""}
        assert disk_entries.volumes([{"Name": "v", "Labels": labels}], [], ())[0].is_anonymous

    def test_the_folders_of_the_host(self) -> None:
        mounts = [
            {"Type": "bind", "Source": "/srv", "Destination": "/data"},
            {"Type": "volume", "Name": "v", "Source": "/var", "Destination": "/v"},
            {"Type": "bind"},
            None,
        ]
        assert list(disk_entries.bind_mounts({"Mounts": mounts})) == [("/srv", "/data")]
