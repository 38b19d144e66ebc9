// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/local_mounts.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <string_view>

namespace heartgate::control::agent {
namespace {

// What has no files of its own, or keeps them on another machine. Unknown types are watched.
constexpr std::array<std::string_view, 35> kNotLocal{
    "9p",         "afs",        "autofs",    "binfmt_misc", "bpf",      "ceph",    "cgroup",    "cgroup2",   "cifs",
    "coda",       "configfs",   "debugfs",   "devpts",      "efivarfs", "fusectl", "glusterfs", "hugetlbfs", "lustre",
    "mqueue",     "nfs",        "nfs4",      "nfsd",        "nsfs",     "ocfs2",   "proc",      "pstore",    "resctrl",
    "rpc_pipefs", "securityfs", "selinuxfs", "smb3",        "smbfs",    "sysfs",   "tracefs",   "devtmpfs"};

bool is_local(const std::string& type) {
    if (type.rfind("fuse.", 0) == 0) return false;  // sshfs and the like; fuseblk is a disk
    return std::find(kNotLocal.begin(), kNotLocal.end(), type) == kNotLocal.end();
}

// proc(5): space, tab, line feed and backslash are written as octal.
std::string unescaped(const std::string& text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size()) {
            result += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
            i += 3;
        } else {
            result += text[i];
        }
    }
    return result;
}

}  // namespace

std::vector<std::string> local_mounts(const std::string& mountinfo_path) {
    std::vector<std::string> result;
    std::ifstream file{mountinfo_path};
    for (std::string line; std::getline(file, line);) {
        // 36 35 98:0 /root /mount/point rw,noatime shared:1 - ext4 /dev/sda1 rw
        std::istringstream words{line};
        std::string skipped;
        std::string mount_point;
        std::string options;
        std::string word;
        std::string type;
        words >> skipped >> skipped >> skipped >> skipped >> mount_point >> options;
        while (words >> word && word != "-") {
        }
        words >> type;
        const bool read_only = options == "ro" || options.rfind("ro,", 0) == 0;
        if (!type.empty() && is_local(type) && !read_only) result.push_back(unescaped(mount_point));
    }
    return result;
}

}  // namespace heartgate::control::agent
