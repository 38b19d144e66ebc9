// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/file_watch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>

#include "controlplane/agent/linux/files.h"
#include "controlplane/agent/linux/local_mounts.h"

namespace heartgate::control::agent {
namespace {

constexpr std::uint64_t kEvents = FAN_CLOSE_WRITE | FAN_MODIFY | FAN_MOVED_TO;
// Of a whole file system: directories that are moved, too, with all that is in them.
constexpr std::uint64_t kFileSystemEvents = kEvents | FAN_ONDIR;
// A new directory in a watched tree is watched, too.
constexpr std::uint64_t kTreeEvents = kEvents | FAN_CREATE | FAN_ONDIR | FAN_EVENT_ON_CHILD;
constexpr unsigned kInit = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS;
constexpr std::uint64_t kOpenedEvents = FAN_CLOSE_WRITE | FAN_MODIFY;
constexpr int kOpenFlags = O_RDONLY | O_LARGEFILE | O_CLOEXEC;
constexpr int kMostHandleBytes = 128;

std::string path_of(int fd) {
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), target.data(), target.size());
    return length <= 0 ? "" : std::string{target.data(), static_cast<std::size_t>(length)};
}

bool within(const std::string& path, const std::string& directory) {
    return path.size() > directory.size() && path.compare(0, directory.size(), directory) == 0 &&
           (path[directory.size()] == '/' || directory == "/");
}

// The directory and name of an event: fid, then file handle, then name (fanotify(7)).
struct DirectoryEntry {
    int file_system[2];
    file_handle* handle;
    std::string name;
};

bool read_entry(const fanotify_event_metadata* event, DirectoryEntry& entry,
                std::array<char, sizeof(file_handle) + kMostHandleBytes>& storage) {
    const char* begin = reinterpret_cast<const char*>(event) + event->metadata_len;
    const char* end = reinterpret_cast<const char*>(event) + event->event_len;
    while (begin + sizeof(fanotify_event_info_header) <= end) {
        fanotify_event_info_header header{};
        std::memcpy(&header, begin, sizeof header);
        if (header.len < sizeof header || begin + header.len > end) return false;
        constexpr std::size_t kHandleAt = sizeof(fanotify_event_info_fid);
        if (header.info_type == FAN_EVENT_INFO_TYPE_DFID_NAME && header.len >= kHandleAt + sizeof(file_handle)) {
            std::memcpy(&entry.file_system, begin + offsetof(fanotify_event_info_fid, fsid), sizeof entry.file_system);
            unsigned bytes = 0;
            std::memcpy(&bytes, begin + kHandleAt + offsetof(file_handle, handle_bytes), sizeof bytes);
            const std::size_t name_at = kHandleAt + sizeof(file_handle) + bytes;
            if (bytes > kMostHandleBytes || name_at >= header.len) return false;
            std::memcpy(storage.data(), begin + kHandleAt, sizeof(file_handle) + bytes);
            entry.handle = reinterpret_cast<file_handle*>(storage.data());
            entry.name.assign(begin + name_at, ::strnlen(begin + name_at, header.len - name_at));
            return true;
        }
        begin += header.len;
    }
    return false;
}

}  // namespace

FileWatch::FileWatch(Settings settings, Handler handler, UniqueFd by_handle, UniqueFd by_descriptor, UniqueFd stop)
    : settings_{std::move(settings)},
      handler_{std::move(handler)},
      by_handle_{std::move(by_handle)},
      by_descriptor_{std::move(by_descriptor)},
      stop_{std::move(stop)} {}

Expected<std::unique_ptr<FileWatch>> FileWatch::start(Settings settings, Handler handler) {
    for (std::string& tree : settings.trees) {
        std::error_code failure;
        const auto whole = std::filesystem::canonical(tree, failure);
        if (failure || !std::filesystem::is_directory(whole, failure)) {
            return error(ErrorKind::kInvalidArgument,
                         fmt::format("cannot watch {}: it is no directory; make it, or take it out of 'watch'", tree));
        }
        tree = whole.string();
    }
    UniqueFd by_handle{::fanotify_init(kInit | FAN_REPORT_DFID_NAME, kOpenFlags)};
    UniqueFd by_descriptor{::fanotify_init(kInit, kOpenFlags)};
    if (!by_handle.valid() || !by_descriptor.valid()) {
        return error(
            ErrorKind::kFailedPrecondition,
            fmt::format("cannot watch files (fanotify): {}; it needs root (CAP_SYS_ADMIN) and Linux 5.9 or newer",
                        std::strerror(errno)));
    }
    UniqueFd stop{::eventfd(0, EFD_CLOEXEC)};
    if (!stop.valid()) return tl::unexpected{system_error("cannot make an", "eventfd")};
    std::unique_ptr<FileWatch> watch{new FileWatch{std::move(settings), std::move(handler), std::move(by_handle),
                                                   std::move(by_descriptor), std::move(stop)}};
    if (const auto marked = watch->mark_all(); !marked) return tl::unexpected{marked.error()};
    watch->thread_ = std::thread{[raw = watch.get()] { raw->run(); }};
    return watch;
}

FileWatch::~FileWatch() {
    stopping_ = true;
    const std::uint64_t one = 1;
    (void)!::write(stop_.get(), &one, sizeof one);  // an eventfd takes it
    if (thread_.joinable()) thread_.join();
}

Expected<void> FileWatch::mark(const std::string& path, unsigned flags, std::uint64_t events) {
    if (::fanotify_mark(by_handle_.get(), FAN_MARK_ADD | flags, events, AT_FDCWD, path.c_str()) != 0) {
        return tl::unexpected{system_error("cannot watch", path)};
    }
    remember_file_system(path);
    return {};
}

void FileWatch::remember_file_system(const std::string& path) {
    struct statfs status {};
    if (::statfs(path.c_str(), &status) != 0) return;
    FileSystem file_system;
    std::memcpy(&file_system.id, &status.f_fsid, sizeof file_system.id);
    for (const FileSystem& known : file_systems_) {
        if (std::memcmp(&known.id, &file_system.id, sizeof known.id) == 0) return;
    }
    file_system.root = UniqueFd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    // A file mounted over a file: the directory's own mount is in the list, too.
    if (file_system.root.valid()) file_systems_.push_back(std::move(file_system));
}

Expected<void> FileWatch::mark_all() {
    for (const std::string& tree : settings_.trees) {
        if (auto marked = mark_tree(tree); !marked) return marked;
    }
    if (!settings_.trees.empty()) return {};
    mark_new_mounts();
    if (!file_systems_.empty()) return {};
    return error(ErrorKind::kFailedPrecondition, "none of the mounted file systems can be watched (fanotify)");
}

std::string FileWatch::unwatched() const {
    const std::lock_guard lock{unwatched_mutex_};
    return unwatched_;
}

Expected<void> FileWatch::mark_file_system(const std::string& mount_point) {
    if (mark(mount_point, FAN_MARK_FILESYSTEM, kFileSystemEvents)) return {};
    if (::fanotify_mark(by_descriptor_.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, kOpenedEvents, AT_FDCWD,
                        mount_point.c_str()) != 0) {
        return tl::unexpected{system_error("cannot watch", mount_point)};
    }
    without_handles_.push_back(mount_point);
    return {};
}

void FileWatch::mark_new_mounts() {
    std::string unwatched;
    without_handles_.clear();
    for (const std::string& mount_point : local_mounts()) {
        if (excluded(mount_point + "/")) continue;
        const auto marked = mark_file_system(mount_point);
        std::error_code failure;
        if (marked || !std::filesystem::exists(mount_point, failure)) continue;
        spdlog::warn(
            "{}: files there are not watched, so this machine is YELLOW; unmount it, or name it under 'exclude' "
            "in the configuration",
            marked.error().message);
        unwatched = mount_point;
    }
    const std::lock_guard lock{unwatched_mutex_};
    unwatched_ = std::move(unwatched);
}

Expected<void> FileWatch::mark_tree(const std::string& path) {
    if (auto marked = mark(path, FAN_MARK_ONLYDIR | FAN_MARK_DONT_FOLLOW, kTreeEvents); !marked) return marked;
    std::error_code failure;
    constexpr auto kOptions = std::filesystem::directory_options::skip_permission_denied;
    std::filesystem::recursive_directory_iterator entry{path, kOptions, failure};
    for (const std::filesystem::recursive_directory_iterator end; !failure && entry != end; entry.increment(failure)) {
        std::error_code gone;
        if (!entry->is_directory(gone) || entry->is_symlink(gone)) continue;
        if (excluded(entry->path().string() + "/")) {
            entry.disable_recursion_pending();
            continue;
        }
        // It may be gone again by now.
        (void)mark(entry->path().string(), FAN_MARK_ONLYDIR | FAN_MARK_DONT_FOLLOW, kTreeEvents);
    }
    return {};
}

bool FileWatch::excluded(const std::string& path) const {
    for (const std::string& directory : settings_.exclude) {
        if (within(path, directory)) return true;
    }
    return false;
}

std::size_t FileWatch::walk_tree(const std::string& path, const std::atomic<bool>& stop, std::int64_t since) const {
    std::size_t files = 0;
    std::error_code failure;
    constexpr auto kOptions = std::filesystem::directory_options::skip_permission_denied;
    std::filesystem::recursive_directory_iterator entry{path, kOptions, failure};
    struct stat root {};
    ::stat(path.c_str(), &root);
    for (const std::filesystem::recursive_directory_iterator end; !failure && entry != end && !stop;
         entry.increment(failure)) {
        const std::string name = entry->path().string();
        struct stat status {};
        if (::lstat(name.c_str(), &status) != 0) continue;
        if (S_ISDIR(status.st_mode) && (status.st_dev != root.st_dev || excluded(name + "/"))) {
            entry.disable_recursion_pending();
        }
        if (!S_ISREG(status.st_mode) || status.st_ctim.tv_sec < since || excluded(name)) continue;
        ++files;
        handler_(Place::at(name), true);
    }
    return files;
}

std::size_t FileWatch::walk(const std::atomic<bool>& stop, std::int64_t since) const {
    std::size_t files = 0;
    for (const std::string& tree : settings_.trees.empty() ? local_mounts() : settings_.trees) {
        files += walk_tree(tree, stop, since);
    }
    return files;
}

void FileWatch::run() {
    const UniqueFd mounts{::open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC)};
    std::array<pollfd, 4> waiting{{{by_handle_.get(), POLLIN, 0},
                                   {by_descriptor_.get(), POLLIN, 0},
                                   {mounts.get(), POLLPRI, 0},
                                   {stop_.get(), POLLIN, 0}}};
    while (!stopping_) {
        if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) break;
        if ((waiting[2].revents & (POLLPRI | POLLERR)) != 0 && settings_.trees.empty()) mark_new_mounts();
        if (!read_events(by_handle_) || !read_events(by_descriptor_)) break;
    }
    if (stopping_) return;
    spdlog::error("files are not watched any more (fanotify): {}", std::strerror(errno));
    alive_ = false;
}

bool FileWatch::read_events(const UniqueFd& fanotify) {
    alignas(fanotify_event_metadata) std::array<char, 65'536> buffer;
    while (!stopping_) {
        const ssize_t length = ::read(fanotify.get(), buffer.data(), buffer.size());
        if (length < 0) return errno == EAGAIN || errno == EINTR;
        const auto* event = reinterpret_cast<const fanotify_event_metadata*>(buffer.data());
        for (ssize_t left = length; FAN_EVENT_OK(event, left); event = FAN_EVENT_NEXT(event, left)) {
            if (event->vers != FANOTIFY_METADATA_VERSION) return false;
            handle_event(event);
        }
    }
    return true;
}

void FileWatch::handle_event(const void* metadata) {
    const auto* event = static_cast<const fanotify_event_metadata*>(metadata);
    if ((event->mask & FAN_Q_OVERFLOW) != 0) overflow_ = true;
    if (event->fd == FAN_NOFD) {
        handle_named_event(metadata);
    } else {
        handle_opened_event(metadata);
    }
}

void FileWatch::handle_opened_event(const void* metadata) {
    const auto* event = static_cast<const fanotify_event_metadata*>(metadata);
    const UniqueFd file{event->fd};
    if (event->pid == ::getpid()) return;
    const std::string path = path_of(file.get());
    struct stat status {};
    if (path.empty() || path.front() != '/' || ::fstat(file.get(), &status) != 0) return;
    // In another mount namespace (a container) the path begins at that one's root.
    std::vector<std::string> candidates{path};
    for (const std::string& mount_point : without_handles_) candidates.push_back(mount_point + path);
    for (const std::string& candidate : candidates) {
        const Place place = Place::at(candidate);
        if (!place.valid() || !place.holds(status)) continue;
        if (!excluded(candidate)) handler_(place, (event->mask & FAN_CLOSE_WRITE) != 0);
        return;
    }
}

void FileWatch::handle_named_event(const void* metadata) {
    const auto* event = static_cast<const fanotify_event_metadata*>(metadata);
    if (event->pid == ::getpid()) return;  // our own: quarantine, state
    std::array<char, sizeof(file_handle) + kMostHandleBytes> storage{};
    DirectoryEntry entry{};
    if (!read_entry(event, entry, storage) || entry.name.empty() || entry.name == ".") return;

    for (const FileSystem& file_system : file_systems_) {
        if (std::memcmp(&file_system.id, &entry.file_system, sizeof entry.file_system) != 0) continue;
        auto directory = std::make_shared<const UniqueFd>(
            ::open_by_handle_at(file_system.root.get(), entry.handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!directory->valid()) return;  // gone by now
        std::string path = path_of(directory->get());
        if (path.empty()) return;
        path += (path.back() == '/' ? "" : "/") + entry.name;
        if ((event->mask & FAN_ONDIR) != 0) {
            // What is in a directory that was moved in, or was put into a new one before it was watched.
            if (excluded(path + "/")) return;
            if (!settings_.trees.empty() && !mark_tree(path)) return;
            walk_tree(path, stopping_, kFromTheBeginning);
            return;
        }
        if (excluded(path) || (event->mask & kEvents) == 0) return;
        handler_({std::move(directory), entry.name, std::move(path)},
                 (event->mask & (FAN_CLOSE_WRITE | FAN_MOVED_TO)) != 0);
        return;
    }
}

}  // namespace heartgate::control::agent
